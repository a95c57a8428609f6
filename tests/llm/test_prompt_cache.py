"""Beginnings of prompts that providers keep: marked for Claude outside the request, the first call ahead of others."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from diziner.endpoints import Endpoint
from diziner.endpoints.prompt_cache import messages_to_send
from diziner.llm import ledger
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request, Response

GUIDELINE = Message("system", "A long guideline.")
CLAUDE = ModelSettings("web", "claude-sonnet-4-5", max_tokens=100)
MARK = {"type": "ephemeral"}


def asked(number: int, settings: ModelSettings = CLAUDE) -> Request:
    messages = (GUIDELINE, Message("user", f"Document {number}"))
    return Request("anthropic", settings, messages, None, f"document {number}", (GUIDELINE,))


class Provider(ThreadingHTTPServer):
    """Answers as Anthropic does, and as OpenRouter does; notes bodies and how many calls were under way at once."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.together: list[int] = []
        self._under_way = 0
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def reply_to(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.bodies.append(body)
            self._under_way += 1
            self.together.append(self._under_way)
            first = len(self.bodies) == 1
        threading.Event().wait(0.05)
        with self._lock:
            self._under_way -= 1
        if path.endswith("/messages"):
            usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 2000 if first else 0}
            usage["cache_read_input_tokens"] = 0 if first else 2000
            content = [{"type": "text", "text": "{}"}]
            return {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": content} | {
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": usage,
            }
        message = {"role": "assistant", "content": "{}"}
        details = {"cached_tokens": 0 if first else 2000}
        usage = {"prompt_tokens": 2010, "completion_tokens": 5, "prompt_tokens_details": details}  # type: ignore[dict-item]
        return {"model": body["model"], "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = json.dumps(self.server.reply_to(self.path, body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def ask(provider: Provider, folder: Path, name: str, model: str, prices: dict[str, Any]) -> list[Response]:
    endpoint = Endpoint(
        "web",
        "hosted",
        name,
        api_base=f"http://127.0.0.1:{provider.server_port}",
        concurrency=8,
        attempts=1,
        prices={model: prices},
    )
    asker = StoreAsker(ResponseStore(folder / "store"), {"web": endpoint})
    settings = ModelSettings("web", model, max_tokens=100)
    outcomes = asker.ask([asked(number, settings) for number in range(9)], "work")
    assert all(isinstance(outcome, Response) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Response)]


def test_claude_is_sent_a_mark_behind_the_guideline_and_reads_it_once(provider: Provider, tmp_path: Path) -> None:
    price = {"input": 3.0, "cached": 0.3, "output": 15.0}
    answers = ask(provider, tmp_path, "anthropic", "claude-sonnet-4-5", price)
    for body in provider.bodies:
        assert body["system"] == [{"type": "text", "text": GUIDELINE.content, "cache_control": MARK}]
        assert "cache_control" not in json.dumps(body["messages"])
    # One call alone, then as many as may be: eight of nine find the guideline at hand.
    assert provider.together[:2] == [1, 1] and max(provider.together) > 1
    assert sorted(answer.cached_tokens for answer in answers) == [0, *[2000] * 8]
    assert {answer.prompt_tokens for answer in answers} == {2010}
    [spent] = ResponseStore(tmp_path / "store").apply([ledger.spent])
    assert spent / ledger.NANO == pytest.approx((3 * (2010 + 8 * 10) + 0.3 * 8 * 2000 + 15 * 9 * 5) / 1e6)


def test_openrouter_is_sent_the_mark_for_claude_and_for_no_other(provider: Provider, tmp_path: Path) -> None:
    ask(provider, tmp_path / "one", "openrouter", "anthropic/claude-haiku-4.5", {"input": 1, "output": 5})
    marked = [{"type": "text", "text": GUIDELINE.content, "cache_control": MARK}]
    assert [body["messages"][0]["content"] for body in provider.bodies] == 9 * [marked]
    provider.bodies.clear()
    ask(provider, tmp_path / "two", "openrouter", "qwen/qwen3-14b", {"input": 1, "output": 5})
    assert [body["messages"][0] for body in provider.bodies] == 9 * [{"role": "system", "content": GUIDELINE.content}]


def test_the_mark_is_no_part_of_the_request() -> None:
    whole = Message("user", "The guideline.\n\nThe document.")
    begun = Request("anthropic", CLAUDE, (whole,), None, "", (Message("user", "The guideline.\n\n"),))
    [sent] = messages_to_send(begun, "anthropic")
    first, rest = sent["content"]
    assert first == {"type": "text", "text": "The guideline.\n\n", "cache_control": MARK}
    assert rest == {"type": "text", "text": "The document."}
    assert first["text"] + rest["text"] == whole.content
    assert begun.canonical()["messages"] == [{"role": "user", "content": whole.content}]
    assert begun.key == Request("anthropic", CLAUDE, (whole,)).key
    plain = [{"role": "user", "content": whole.content}]
    assert messages_to_send(Request("anthropic", CLAUDE, (whole,)), "anthropic") == plain  # asked once: nothing to keep
    blank = Request(
        "anthropic", CLAUDE, (Message("user", "The guideline.\n "),), None, "", (Message("user", "The guideline."),)
    )
    assert messages_to_send(blank, "anthropic")[0]["content"] == [
        {"type": "text", "text": "The guideline.\n ", "cache_control": MARK}
    ]
    assert messages_to_send(begun, "openai") == plain
