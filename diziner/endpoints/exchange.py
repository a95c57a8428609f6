"""Exchange of a call: what was sent back, byte for byte, since litellm reads known forms only and fails on others.

litellm finds the address, the key and the parameters of a provider; what it makes of a chat completion is not used.
A completion with content in parts or numbers of another type is a traceback in it, so it is given one that holds
nothing in place of each.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx

from diziner.endpoints import bodies
from diziner.endpoints.bodies import LARGEST, TooLargeError, Within, read_within
from diziner.endpoints.causes import RedirectedError

_CHAT = "/chat/completions"
_NOTHING = {
    "id": "read",
    "object": "chat.completion",
    "created": 0,
    "model": "read",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
}


@dataclass(slots=True)
class Exchange:
    """The last reply of a call: its status, 0 before there is one; its text; whether it is a chat completion's.

    With `only_written` nothing is sent: `written` is the body that would have been. `begun` says that it has come to
    sending. Of a reply `most` bytes are read at most; `is_too_large` says that it was longer.
    """

    status: int = 0
    body: str = ""
    is_chat: bool = False
    only_written: bool = False
    begun: bool = False
    written: bytes = b""
    most: int = LARGEST
    is_too_large: bool = False


_NOTHING_READ = json.dumps(_NOTHING).encode()
# What httpx does to a reply's headers it does to each of them, twice: a completion's are left out, for litellm is given
# none of it. Cookies stay: some providers keep a client to one server by them.
_KEPT = (b"set-cookie",)
_OF_THE_BODY = (b"content-encoding", b"content-length", b"transfer-encoding")


CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class Listening(httpx.AsyncBaseTransport):
    """A transport that keeps what comes back in the call's `CURRENT` exchange."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        exchange = CURRENT.get()
        if exchange is not None:
            exchange.begun = True
        if exchange is not None and exchange.only_written:
            exchange.is_chat = request.url.path.endswith(_CHAT)
            exchange.written = await request.aread()
            return httpx.Response(200, json=_NOTHING, request=request)
        response = await self._inner.handle_async_request(request)
        if response.is_redirect:
            _stay(request.url, response.headers.get("location", ""))
            return response
        if exchange is None:
            return response
        response.request = request
        try:
            data = await read_within(response, exchange.most)
        except TooLargeError:
            exchange.is_too_large = True
            raise
        text = data.decode(_encoding(response), "replace")
        exchange.status, exchange.body = response.status_code, text.removeprefix("\ufeff")
        exchange.is_chat = response.status_code == 200 and request.url.path.endswith(_CHAT)
        if exchange.is_chat:
            headers = [pair for pair in response.headers.raw if pair[0].lower() in _KEPT]
            headers.append((b"content-type", b"application/json"))
            data = _NOTHING_READ
        else:
            headers = [pair for pair in response.headers.raw if pair[0].lower() not in _OF_THE_BODY]
        return httpx.Response(response.status_code, headers=headers, content=data, request=request)

    async def aclose(self) -> None:
        """See httpx."""
        await self._inner.aclose()


def stay_within(response: httpx.Response) -> None:
    """Hold a reply of a synchronous client to what others are held to, before it is read: no redirect to another place,
    and no more than `LARGEST_FILE` bytes, which are not compressed, as those of a client that asks for them so are.

    Errors: RedirectedError; httpx.DecodingError.
    """
    if response.is_redirect:
        _stay(response.request.url, response.headers.get("location", ""))
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx.DecodingError("the reply is compressed, and that was not asked for", request=response.request)
    response.stream = Within(response, bodies.LARGEST_FILE)


def _encoding(response: httpx.Response) -> str:
    """Return the encoding of a reply; httpx parses the header by a parser of e-mail, which is for the few that name
    one."""
    named = any(name.lower() == b"content-type" and b"charset" in value.lower() for name, value in response.headers.raw)
    return (response.encoding if named else None) or "utf-8"


def _stay(url: httpx.URL, location: str) -> None:
    """Let a redirect pass that stays at the same place. Errors: RedirectedError for any other."""
    try:
        to = url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise RedirectedError("what is no address") from None
    if (to.scheme, to.host, to.port) != (url.scheme, url.host, url.port):
        raise RedirectedError(f"{to.scheme}://{to.netloc.decode('ascii', 'replace')}")


_SETTING_OUT_S = 5.0


async def whole(call: Coroutine[Any, Any, Any], exchange: Exchange) -> Any:
    """Return what a call of litellm's returns. One that is cancelled before it has sent anything sends nothing more.

    It is let come to the point of sending all the same: until then litellm makes a coroutine in a thread, which would
    be lost there, and Python tell of it on standard error.
    """
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not exchange.begun:
            exchange.only_written = True
            await asyncio.wait([task], timeout=_SETTING_OUT_S)
        task.cancel()
        await asyncio.wait([task])
        raise


def listen(handler: Any) -> None:
    """Have all of litellm's asynchronous clients listen; `handler` is its AsyncHTTPHandler, which makes transports."""
    made = handler.create_async_transport

    def create(*args: Any, **more: Any) -> Any:
        inner = made(*args, **more)
        # One of httpx's own, which is used where aiohttp is switched off, is looked for by litellm when it sets up
        # proxies; there litellm's own reading has to do.
        own = inner is None or isinstance(inner, httpx.AsyncHTTPTransport)
        return inner if own else Listening(inner)

    handler.create_async_transport = staticmethod(create)
