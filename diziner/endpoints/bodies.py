"""Bodies of HTTP replies: read as they come, up to a limit, whatever a server goes on sending."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

LARGEST = 16 * 2**20  # bytes, decompressed, of what is asked for beside completions


class TooLargeError(httpx.ReadError):
    """A reply that is larger than what is read of one."""


async def read_within(response: httpx.Response, most: int) -> bytes:
    """Return the body of a reply, decompressed.

    Errors: TooLargeError as soon as it is longer than `most` bytes; the connection is closed then.
    """
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > most:
            await response.aclose()
            raise TooLargeError(f"the reply is larger than {most / 2**20:g} MB", request=response.request)
        parts.append(part)
    return b"".join(parts)


def fetched(method: str, url: str, headers: Mapping[str, str], limit_s: float) -> tuple[int, bytes]:
    """Return the status and body of a small reply, which is there after so many seconds at the latest.

    Errors: httpx.HTTPError and httpx.InvalidURL; TooLargeError for more than `LARGEST` bytes.
    """
    end = time.monotonic() + limit_s
    parts, size = [], 0
    with httpx.stream(method, url, headers=headers, timeout=limit_s) as response:
        for part in response.iter_bytes():
            size += len(part)
            if size > LARGEST:
                raise TooLargeError(f"the reply is larger than {LARGEST / 2**20:g} MB", request=response.request)
            if time.monotonic() > end:
                raise httpx.ReadTimeout(f"not all of the reply came in {limit_s:g} s", request=response.request)
            parts.append(part)
        return response.status_code, b"".join(parts)
