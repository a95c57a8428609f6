"""Scripted models on loopback, behind the OpenAI protocol and, below `/NAME`, as providers speak (`dialects`)."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.options import LARGEST_SEED, number, whole
from diziner.scripted.batches import HABITS, LARGEST_FILE, BatchHabits, Shelf
from diziner.scripted.dialects import Dialect, dialect_of, spoken
from diziner.scripted.faults import KINDS, Faults
from diziner.scripted.habits import Served
from diziner.scripted.knowledge import Knowledge, knowledge_from_environment
from diziner.scripted.protocol import Reply, complete, error, fingerprint_of, models

_COMPLETIONS = frozenset({"/v1/chat/completions", "/chat/completions"})
_MODELS = frozenset({"/v1/models", "/models"})
_LARGEST_BODY = 16 * 2**20
# A close with this option sends a reset instead of an orderly end.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ScriptedServer:
    """A server for the time of a `with` block.

    Each connection has its thread, so that `latency_s` (added to each answer) and hanging requests hold up
    nobody else. `port` 0 takes a free one. `requests` counts chat requests received, failed ones included; lines of
    batches are counted by `shelf`.
    """

    def __init__(
        self,
        faults: Faults | None = None,
        latency_s: float = 0.0,
        seed: int = 0,
        knowledge: Knowledge | None = None,
        port: int = 0,
        served: Served | None = None,
        batches: BatchHabits | None = None,
    ) -> None:
        self.served = served or Served()
        self.faults = faults or Faults()
        self.latency_s = latency_s
        self.seed = seed
        self.knowledge = knowledge
        self.requests = 0
        self.shelf = Shelf(self._reply_to_line, batches or BatchHabits(), seed)
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        try:
            self._http = _Server(("127.0.0.1", port), self)
        except OSError as problem:
            raise UserError(f"port {port} of 127.0.0.1: {problem.strerror}; give another, or 0 for any") from None
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        """API base for clients: `http://127.0.0.1:PORT/v1`."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def speak(self, dialect: Dialect, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        """Return the reply to a request in a provider's dialect; None where nothing is at that address."""

        def complete(plain: dict[str, Any], key: str) -> Reply:
            return self.reply_to(json.dumps(plain).encode(), key)

        try:
            value = jsontext.body(body)
        except ValueError:
            value = None
        return spoken(dialect, path, headers, value, complete)

    def reply_to(self, body: bytes, key: str) -> Reply:
        """Return the reply to one chat request, after its latency."""
        try:
            value = jsontext.body(body)
        except ValueError:
            value = None
        with self._lock:
            self.requests += 1
        reply = complete(value, key, self._attempt(value), self.faults, self.seed, self.knowledge, self.served)
        self._stopping.wait(self.latency_s + reply.delay_s)
        return reply

    def _reply_to_line(self, body: Mapping[str, Any]) -> Reply:
        return complete(body, "", self._attempt(body), self.faults, self.seed, self.knowledge, self.served)

    def _attempt(self, value: object) -> int:
        """Return how often a body came before."""
        digest = fingerprint_of(value) if isinstance(value, dict) else ""
        with self._lock:
            self._attempts[digest] += 1
            return self._attempts[digest] - 1


class _Server(ThreadingHTTPServer):
    """Keeps its open connections, to end them when it closes: idle ones would hold their threads."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], scripted: ScriptedServer) -> None:
        self.scripted = scripted
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that gave up waiting is no error of ours.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "scripted"
    disable_nagle_algorithm = True
    # Buffered: head and body leave in one packet.
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(error(411, "Content-Length is missing, wrong or too large.", None))
        elif self.path in _COMPLETIONS:
            self._send(self.server.scripted.reply_to(body, self._key()))
        else:
            reply = self._spoken(body)
            if reply is None:
                self._send_from_shelf("POST", body)
            else:
                self._send(reply)

    def _spoken(self, body: bytes) -> Reply | None:
        """Return the reply to a request whose address begins with a dialect's name; None for any other."""
        _, name, path = (*self.path.split("/", 2), "")[:3]
        dialect = dialect_of(name)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return self.server.scripted.speak(dialect, f"/{path}", headers, body) if dialect else None

    def do_GET(self) -> None:
        if self.path in _MODELS and not self._refused():
            self._send(models(self.server.scripted.served.gone))
        else:
            self._send_from_shelf("GET", b"")

    def _send_from_shelf(self, method: str, body: bytes) -> None:
        """Send what files and batches have to say; that there is no such address, where that is nothing."""
        if self._refused():
            self._send(error(401, "Incorrect API key provided.", "invalid_api_key"))
            return
        address = urlsplit(self.path)
        kind, query = self.headers.get("Content-Type", ""), dict(parse_qsl(address.query))
        reply = self.server.scripted.shelf.reply(method, address.path, query, kind, body)
        if isinstance(reply, bytes):
            self._send_data(200, {"Content-Type": "application/octet-stream"}, reply)
        else:
            self._send(reply or error(404, f"No such address: {method} {self.path}", None))

    def _refused(self) -> bool:
        return self._key() == self.server.scripted.faults.bad_key

    def _key(self) -> str:
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: requests are counted."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        largest = LARGEST_FILE if urlsplit(self.path).path.endswith("/files") else _LARGEST_BODY
        if not (length.isascii() and length.isdigit()) or int(length) > largest:
            return None
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        data = json.dumps(reply.body, separators=(",", ":")).encode()
        self._send_data(reply.status, {"Content-Type": "application/json", **reply.headers}, data, reply.cut)

    def _send_data(self, status: int, headers: Mapping[str, str], data: bytes, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.wfile.flush()
        if cut:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            # The files hold the socket open as well: it closes with the last of the three.
            self.wfile.close()
            self.rfile.close()
            self.connection.close()
            # What handles the request flushes once more.
            self.wfile = io.BytesIO()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve scripted models until interrupted, and say where."""
    parser = argparse.ArgumentParser(prog="diziner fake-server", description=main.__doc__)
    options(parser)
    serve(parser.parse_args(arguments))


def options(parser: argparse.ArgumentParser) -> None:
    """Declare what `serve` takes."""
    parser.add_argument(
        "--port", type=whole("--port", 0, 65535), default=0, help="port on 127.0.0.1; 0 takes a free one"
    )
    parser.add_argument(
        "--latency",
        type=number("--latency", 0, 86400),
        default=0.0,
        metavar="SECONDS",
        help="time added to each answer",
    )
    parser.add_argument(
        "--seed", type=whole("--seed", 0, LARGEST_SEED), default=0, help="another seed gives other errors and faults"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=RATE",
        help=f"one of {', '.join(KINDS)}; repeatable",
    )
    parser.add_argument(
        "--any-model", action="store_true", help="answer to the name of any model, each with errors of its own"
    )
    parser.add_argument(
        "--gone", action="append", default=[], metavar="MODEL", help="a model that is not served (404); repeatable"
    )
    parser.add_argument(
        "--batch", action="append", default=[], metavar="NAME=VALUE", help=f"one of {', '.join(HABITS)}; repeatable"
    )


def serve(chosen: argparse.Namespace) -> None:
    """Serve with the options chosen, until interrupted, and say where."""
    rates: dict[str, Any] = dict(_rate(fault) for fault in chosen.fault)
    habits: dict[str, Any] = dict(_habit(text) for text in chosen.batch)
    knowledge = knowledge_from_environment()
    faults, batches = Faults(**rates), BatchHabits(**habits)
    served = Served(chosen.any_model, frozenset(chosen.gone))
    server = ScriptedServer(faults, chosen.latency, chosen.seed, knowledge, chosen.port, served, batches)
    with contextlib.suppress(KeyboardInterrupt), server:
        sys.stdout.write(f"scripted models at {server.base_url}\n")
        sys.stdout.flush()
        threading.Event().wait()


def _rate(fault: str) -> tuple[str, float]:
    name, _, rate = fault.partition("=")
    if name not in KINDS:
        raise UserError(f"--fault {fault!r}: no such fault; allowed: {', '.join(KINDS)}")
    return name, number(f"--fault {name}=RATE", 0, 1)(rate)


def _habit(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    if name not in HABITS:
        raise UserError(f"--batch {text!r}: no such habit; allowed: {', '.join(HABITS)}")
    option = f"--batch {name}=VALUE"
    return name, whole(option, 0, 1_000_000)(value) if name in ("polls", "lost") else number(option, 0, 1)(value)
