"""Bodies of HTTP replies: read as they come, up to a limit, whatever a server goes on sending."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import httpx

LARGEST = 16 * 2**20  # bytes, decompressed, of what is asked for beside completions
LARGEST_FILE = 2**30  # bytes of a file of answers


class TooLargeError(httpx.ReadError):
    """A reply that is larger than what is read of one."""


class Within(httpx.SyncByteStream):
    """The bytes of a reply as they come, up to a limit. Errors: TooLargeError, in their midst."""

    def __init__(self, response: httpx.Response, most: int) -> None:
        self._response = response
        self._inner = response.stream
        self._most = most

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        assert isinstance(self._inner, httpx.SyncByteStream)
        for part in self._inner:
            size += len(part)
            if size > self._most:
                raise TooLargeError(
                    f"the reply is larger than {self._most / 2**20:g} MB", request=self._response.request
                )
            yield part

    def close(self) -> None:
        """See httpx."""
        assert isinstance(self._inner, httpx.SyncByteStream)
        self._inner.close()


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
