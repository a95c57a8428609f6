"""A server on loopback that keeps what it is sent and gives the replies that a test writes."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Reply = tuple[int, dict[str, str], Any]  # status, more headers, JSON body; a body of bytes is sent as it is


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and replies."""

    bodies: list[dict[str, Any]]
    replying: Callable[[dict[str, Any]], Reply]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.bodies.append(body)
        status, headers, value = type(self).replying(body)
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextmanager
def listening(*replies: Reply) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give these replies in turn, the last one for ever; yields the base URL and the bodies that came."""
    left = list(replies)
    with replying(lambda _: left.pop(0) if len(left) > 1 else left[0]) as where:
        yield where


@contextmanager
def replying(reply: Callable[[dict[str, Any]], Reply]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Reply to each body as `reply` says; yields the base URL and the bodies that came."""
    bodies: list[dict[str, Any]] = []
    handler = type("Handler", (Listener,), {"bodies": bodies, "replying": staticmethod(reply)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", bodies
        server.shutdown()


def completion(content: str | None = '{"entities": []}', reason: str = "stop", **usage: Any) -> dict[str, Any]:
    """A chat completion, as a body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    counts = {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57, **usage}
    return {"id": "1", "object": "chat.completion", "model": "m-0824", "choices": [choice], "usage": counts}
