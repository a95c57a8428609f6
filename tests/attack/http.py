"""HTTP faults: what servers, proxies and networks send in place of an answer, through the real client.

The answer behind each fault is right for the document. So two ends hold: that answer, or a failure of one
line; never another answer, none in silence, or a wait beyond the limits.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from loopback import completion
from projects import ROOT

from attack.findings import Attempt, Case, Finding, Part

TEXT = "Mara sings"
ANSWER = '{"entities": [{"text": "Mara", "type": "person"}]}'
SPANS = [(0, 1, "PER")]
BODY = json.dumps(completion(ANSWER)).encode()
TIMEOUT_S, TOTAL_S, LATE_S = 3.0, 10.0, 20.0
Speech = Callable[[socket.socket], object]  # what is said once a request has been read


def said(data: bytes) -> Speech:
    return lambda client: client.sendall(data)


def reply(status: str = "200 OK", body: bytes = BODY, *headers: str, length: str = "") -> Speech:
    """A response with a body and headers; `length` in place of the right one, "none" for no such header."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(header.lower().startswith("content-type") for header in headers):
        lines.append("Content-Type: application/json")
    if length != "none":
        lines.append(f"Content-Length: {length or len(body)}")
    return said("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)


def chat(**changes: Any) -> bytes:
    """A completion with other values at its top."""
    return json.dumps({**completion(ANSWER), **changes}).encode()


def message(content: Any, reason: Any = "stop", **more: Any) -> bytes:
    """A completion with another message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **more}, "finish_reason": reason}
    return chat(choices=[choice])


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_in_body(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + BODY[:40])
    time.sleep(0.05)
    reset(client)


def silent(client: socket.socket) -> None:
    time.sleep(TIMEOUT_S + 2)


def dripping(client: socket.socket) -> None:
    client.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode())
    for byte in BODY:
        client.sendall(bytes([byte]))
        time.sleep(0.2)


def headers_dripping(client: socket.socket) -> None:
    for number in range(100):
        client.sendall(b"X: y\r\n" if number else b"HTTP/1.1 200 OK\r\n")
        time.sleep(0.2)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> Speech:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return said(head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end)


def endless(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    for _ in range(100_000):
        client.sendall(b"0," * 4096)


@cache
def faults() -> dict[str, tuple[Speech, bool]]:
    """Each fault by name: what is said, and whether a right answer may be read from it."""
    wrong: dict[str, Speech] = {
        "closed at once": said(b""),
        "reset": reset,
        "reset in the body": reset_in_body,
        "silent": silent,
        "dripping": dripping,
        "headers dripping": headers_dripping,
        "endless": endless,
        "no HTTP": said(b"\x00\x01\x02 hello\r\n\r\n"),
        "a mail server": said(b"220 mail.example ESMTP\r\n"),
        "TLS": said(b"\x15\x03\x03\x00\x02\x02\x28"),
        "HTTP/2": said(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        "half a status line": said(b"HTTP/1.1 20"),
        "status of words": reply("OK fine"),
        "status 0": reply("000 Nothing"),
        "status 999": reply("999 Odd"),
        "long header": reply("200 OK", BODY, "X: " + "y" * 200_000),
        "many headers": reply("200 OK", BODY, *(f"X-{n}: y" for n in range(5000))),
        "header without a colon": reply("200 OK", BODY, "nobody"),
        "header with a NUL": reply("200 OK", BODY, "X: a\0b"),
        "length too large": reply(length=str(len(BODY) + 100)),
        "length too small": reply(length=str(len(BODY) // 2)),
        "length negative": reply(length="-5"),
        "length a word": reply(length="many"),
        "two lengths": reply("200 OK", BODY, "Content-Length: 3"),
        "chunk cut": chunked(BODY[:50], end=b"ff\r\nabc"),
        "chunk size a word": chunked(BODY[:50], end=b"zz\r\n"),
        "chunk huge": chunked(BODY[:50], end=b"ffffffffffffffff\r\n"),
        "gzip that is none": reply("200 OK", BODY, "Content-Encoding: gzip"),
        "gzip cut": reply("200 OK", gzip.compress(BODY)[:60], "Content-Encoding: gzip"),
        "gzip bomb": reply("200 OK", gzip.compress(bytes(300_000_000), 1), "Content-Encoding: gzip"),
        "UTF-16": reply("200 OK", BODY.decode().encode("utf-16")),
        "no UTF-8": reply("200 OK", BODY.replace(b"Mara", b"M\xffra")),
        "204": said(b"HTTP/1.1 204 No Content\r\n\r\n"),
        "304": said(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        "100 for ever": said(b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
        "101": said(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
        "redirect to itself": reply("302 Found", b"", "Location: ?"),
        "redirect to a file": reply("307 Temporary Redirect", b"", "Location: file:///etc/passwd"),
        "redirect to nobody": reply("308 Permanent Redirect", b"", "Location: http://nobody.invalid/v1"),
        "redirect without a place": reply("301 Moved Permanently", b""),
        "proxy's page": reply("200 OK", b"<html><body>Sign in</body></html>", "Content-Type: text/html"),
        "proxy asks for a password": reply("407 Proxy Authentication Required", b""),
        **{
            f"status {status}": reply(f"{status} X", b'{"error": {"message": "no"}}')
            for status in (400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 423, 425, 451, 500, 501, 502)
        },
        **{f"status {status}, no body": reply(f"{status} X", b"") for status in (400, 401, 404, 429, 500, 503, 529)},
        **{
            f"429, Retry-After {value}": reply("429 X", b"", f"Retry-After: {value}")
            for value in ("99999999", "-1", "soon", "NaN", "inf", "1e9", "Wed, 21 Oct 2015 07:28:00 GMT")
        },
        "error with a traceback": reply("500 X", b'{"detail": "Traceback (most recent call last):\\n  File x"}'),
        "error that colours": reply("500 X", b'{"error": {"message": "\\u001b[2J\\u001b[31mred"}}'),
        "error of 2 MB": reply("500 X", json.dumps({"error": {"message": "x" * 2_000_000}}).encode()),
        "a stream": reply("200 OK", b"data: " + BODY + b"\n\ndata: [DONE]\n\n", "Content-Type: text/event-stream"),
        "cut": reply("200 OK", BODY[: len(BODY) // 2]),
        "two objects": reply("200 OK", BODY + BODY),
        "a call": reply("200 OK", b"callback(" + BODY + b")"),
        "100000 brackets": reply("200 OK", b"[" * 100_000),
        "100000 braces": reply("200 OK", b'{"a":' * 100_000),
        "40 MB": reply("200 OK", message("x" * 40_000_000)),
        "choices an object": reply("200 OK", chat(choices={"0": 1})),
        "choices a number": reply("200 OK", chat(choices=3)),
        "content a number": reply("200 OK", message(3)),
        "content of nulls": reply("200 OK", message([None, None])),
        "content of brackets": reply("200 OK", message("[" * 100_000)),
        "content of digits": reply("200 OK", message('{"entities": ' + "9" * 6000 + "}")),
        "content cut": reply("200 OK", message(ANSWER[:20], "length")),
        "content another document's": reply("200 OK", message('{"entities": [{"text": "Lars", "type": "person"}]}')),
    }
    right: dict[str, Speech] = {
        "byte order mark": reply("200 OK", b"\xef\xbb\xbf" + BODY),
        "blanks around": reply("200 OK", b" \n " + BODY + b"\n\n"),
        "no length": reply(length="none"),
        "chunks of a byte": chunked(*(bytes([byte]) for byte in BODY)),
        "chunks with a trailer": chunked(BODY, end=b"0\r\nX: y\r\n\r\n"),
        "gzip": reply("200 OK", gzip.compress(BODY), "Content-Encoding: gzip"),
        "deflate": reply("200 OK", zlib.compress(BODY), "Content-Encoding: deflate"),
        "another charset": reply("200 OK", BODY, "Content-Type: application/json; charset=iso-8859-1"),
        "charset unknown": reply("200 OK", BODY, "Content-Type: application/json; charset=nobody"),
        "a page's type": reply("200 OK", BODY, "Content-Type: text/html"),
        "206": reply("206 Partial Content"),
        "100 before": said(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY),
        "usage of 5000 digits": reply("200 OK", BODY.replace(b"50,", b"9" * 5000 + b",", 1)),
        "usage NaN": reply("200 OK", BODY.replace(b"50,", b"NaN,", 1)),
        "usage of words": reply("200 OK", chat(usage={"prompt_tokens": "many"})),
        "usage negative": reply("200 OK", chat(usage={"prompt_tokens": -5, "completion_tokens": -1})),
        "usage a list": reply("200 OK", chat(usage=[1])),
        "cost negative": reply("200 OK", chat(usage={"cost": -1e9})),
        "model that colours": reply("200 OK", chat(model="\x1b[2Jm")),
        "model half a character": reply("200 OK", chat(model="\ud800")),
        "id an object": reply("200 OK", chat(id={"a": 1})),
        "created huge": reply("200 OK", chat(created=10**30)),
        "fingerprint a list": reply("200 OK", chat(system_fingerprint=["\ud800"])),
        "a key twice": reply("200 OK", BODY[:-1] + b', "object": "chat.completion"}'),
        "finish reason a number": reply("200 OK", message(ANSWER, 3)),
        "content with half a character": reply("200 OK", message(ANSWER + "\ud800")),
        "content with NUL": reply("200 OK", message(ANSWER + "\0")),
        "content behind 1 MB of blanks": reply("200 OK", message(" " * 1_000_000 + ANSWER)),
        "reasoning of 5 MB": reply("200 OK", message(ANSWER, reasoning_content="x" * 5_000_000)),
        "tool calls": reply("200 OK", message(ANSWER, "tool_calls", tool_calls=[{"id": 1}])),
        "many choices": reply("200 OK", chat(choices=completion(ANSWER)["choices"] * 50)),
    }
    return {name: (speech, False) for name, speech in wrong.items()} | {n: (s, True) for n, s in right.items()}


def refusals() -> list[dict[str, Any]]:
    """What providers send for requests that they will not answer."""
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/llm/refused_bodies.yaml").read_text("utf-8"))
    return found


def cases(seed: int) -> list[Case]:
    """Every fault, then the refusals of providers."""
    named: list[tuple[str, Any]] = [(name, name) for name in faults()]
    named += [(f"{case['from']}, {case['status']}, {case['is']}", number) for number, case in enumerate(refusals())]
    return [Case(number, what, given) for number, (what, given) in enumerate(named)]


def prepared(folder: Path) -> Attempt:
    """Ask without long waits between attempts."""
    import diziner.llm.lane

    diziner.llm.lane._FIRST_WAIT_S = 0.01
    asked = [0]

    def attempt(given: str | int) -> Finding:
        asked[0] += 1
        if isinstance(given, str):
            speech, may = faults()[given]
        else:
            case, may = refusals()[given], False
            body = case["body"]
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            speech = reply(f"{case['status']} X", data)
        started = time.monotonic()
        with speaking(speech) as base_url:
            finding = outcome(folder / f"store{asked[0]}.sqlite", base_url, may)
        took = time.monotonic() - started
        return finding if took < TOTAL_S + LATE_S else Finding("wrong", f"took {took:.0f} s, may take {TOTAL_S:.0f}")

    return attempt


def outcome(store_at: Path, base_url: str, may: bool) -> Finding:
    """Ask for one document's mentions, twice, and judge what came of it; `may`: the right answer may be read."""
    from annotating import annotate
    from field_replies import GUIDELINE

    from diziner.annotator.settings import AnnotatorSettings
    from diziner.common.errors import DizinerError
    from diziner.endpoints import Endpoint
    from diziner.llm.ask import StoreAsker
    from diziner.llm.store import ResponseStore
    from diziner.prompting.request import ModelSettings
    from diziner.records.documents import Document

    endpoint = Endpoint("web", "hosted", api_base=base_url, attempts=2, timeout_s=TIMEOUT_S, total_timeout_s=TOTAL_S)
    settings = AnnotatorSettings("reader", ModelSettings("web", "any", structured="json_object"))
    document = Document("d0", tuple(TEXT.split()), TEXT)
    with closing(ResponseStore(store_at)) as store:
        asker = StoreAsker(store, {"web": endpoint})
        try:
            [row] = annotate([document], GUIDELINE, settings, asker, "attack")
        except DizinerError as error:
            return one_line(str(error))
        finally:
            store.verify()
    if row.failure is not None:
        return one_line(f"{row.failure.code}: {row.failure.detail}")
    found = [(span.start, span.end, span.type) for span in row.spans]
    if found and found != SPANS:
        return Finding("wrong", f"read {found}")
    if not may and not (row.drops and not found):
        return Finding("wrong", f"took {found} for an answer")
    return Finding("accepted") if found == SPANS or row.drops else Finding("wrong", "took an answer for none")


def one_line(text: str) -> Finding:
    """Judge the message of a failure."""
    if not text.isprintable() or len(text) > 1500 or "Traceback" in text:
        return Finding("wrong", f"{len(text)} characters: {text[:300]!r}")
    return Finding("refused", text)


@contextmanager
def speaking(speech: Speech) -> Iterator[str]:
    """Say the same to every request; yields the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, speech), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        finally:
            server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, speech: Speech) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_speak, args=(client, speech), daemon=True).start()


def _speak(client: socket.socket, speech: Speech) -> None:
    try:
        with client, client.makefile("rb") as request:
            length = 0
            while (line := request.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode("latin-1").partition(":")
                length = int(value) if name.lower() == "content-length" else length
            request.read(length)
            speech(client)
    except OSError:
        return  # it hung up: its right


PART = Part("http", cases, prepared, least=70, brief=15, limit_s=120.0)
