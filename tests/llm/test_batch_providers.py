"""Batches as each provider takes them: lines, files and their limits, redirects, keys, and answers in no known form."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batch_calls import hosted, replies, requests, submitted, use_key
from loopback import completion, listening

from diziner.common.errors import ProviderError, UserError
from diziner.endpoints import endpoints_from
from diziner.endpoints.batch_api import BatchApi, Job, lines_in
from diziner.endpoints.batching import MODES, Batch
from diziner.endpoints.client import body_of
from diziner.llm import batches
from diziner.llm.ask import StoreAsker
from diziner.llm.collecting import cancel, collect, take_in
from diziner.llm.lane import run
from diziner.llm.store import ResponseStore
from diziner.llm.submitting import Left
from diziner.llm.waiting import WaitingError
from diziner.prompting.request import Message
from diziner.scripted.batches import BatchHabits
from diziner.scripted.server import ScriptedServer


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    use_key(monkeypatch)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.mark.parametrize("provider", ["openai", "azure", "mistral", "xai", "hosted_vllm"])
def test_a_line_has_the_body_that_a_call_sends(tmp_path: Path, provider: str) -> None:
    with listening((200, {}, completion())) as (url, bodies):
        endpoints = hosted(url, provider=provider)
        [request] = requests(endpoints, 1)
        line: list[Any] = []

        async def write() -> None:
            line.append(await body_of(request, endpoints["web"]))

        run(write())
        assert bodies == []  # nothing was sent
        StoreAsker(ResponseStore(tmp_path / "store"), endpoints).ask([request], "work")
        assert line == bodies
    assert line[0]["model"] == "scripted-eager"


@contextmanager
def saying(status: int, headers: dict[str, str], data: bytes) -> Iterator[tuple[str, list[str]]]:
    """Say the same to whatever is asked; yields the base URL and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.path)
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/v1", asked
        serving.shutdown()


@pytest.mark.parametrize("provider", sorted(MODES))
def test_a_redirect_to_another_place_is_not_followed_and_files_have_an_end(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("batch_0", "completed", files=("file_0",))
    with saying(200, {}, b"{}") as (other, taken), saying(307, {"Location": other}, b"") as (url, asked):
        api = BatchApi(hosted(url, provider=provider)["web"], "scripted-eager")
        for call in (lambda: list(api.lines(job)), lambda: api.look("batch_0"), lambda: api.send("tag", b"{}\n")):
            with pytest.raises(UserError, match=r"the server redirects to http://127.0.0.1:\d+, where nothing is sent"):
                call()
        assert taken == [] and len(asked) == 3
    with saying(200, {}, b'{"a": 1}\n' * 1000) as (url, _):
        api = BatchApi(hosted(url, provider=provider)["web"], "scripted-eager")
        assert list(api.lines(job)) == [{"a": 1}] * 1000
        monkeypatch.setattr("diziner.endpoints.bodies.LARGEST_FILE", 4000)
        with pytest.raises(ProviderError, match="no answer"):
            list(api.lines(job))


@pytest.mark.parametrize("provider", sorted(MODES))
def test_each_provider_is_spoken_to_in_its_own_way(tmp_path: Path, provider: str) -> None:
    """Mistral has jobs, xAI counters and pages; both directions through litellm, a lost reply and a cancel included."""
    with ScriptedServer(batches=BatchHabits(polls=1, lost=1, failed=0.5)) as server:
        base = server.base_url.removesuffix("/v1" if provider == "azure" else "")
        endpoints, store = hosted(base, provider=provider), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 12)
        with pytest.raises(ProviderError, match=r"no answer|none that litellm reads"):
            submitted(store, endpoints, asked)
        assert [row.state for row in collect(store, endpoints)] == ["in_progress"]
        [row] = collect(store, endpoints)
        assert (row.id, row.state, row.is_open) == ("batch_000", "completed", 0)
        missing = [reply for reply in replies(store, asked) if reply is None]
        assert 1 < len(missing) < 11
        assert f"{12 - len(missing)} answers, {len(missing)} not answered (unavailable: The server had" in row.note
        [again] = submitted(store, endpoints, asked)
        server.shelf.habits = BatchHabits(polls=5)
        cancel(store, endpoints, again.row)
        [row] = collect(store, endpoints)
        assert (row.state, row.is_open) == ("cancelled", 0)
        assert f"{len(missing) // 2} answers" in row.note
        assert max(server.shelf.asked.values()) == 2


def test_a_model_that_is_gone_is_said_with_the_providers_words(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 3, "scripted-gone")
    submitted(store, endpoints, asked)
    [row] = collect(store, endpoints)
    assert row.state == "failed" and "model_not_found" in row.note
    asker = StoreAsker(store, endpoints, batches=True)
    with pytest.raises(WaitingError, match=r"the last one: batch_000: failed.*model_not_found"):
        asker.ask(asked, "work")
    assert len(submitted(store, endpoints, asked)) == 1  # another attempt is another batch
    assert set(server.shelf.asked.values()) == {2}


def test_files_keep_the_limits(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints = hosted(server.base_url, Batch(max_requests=4))
    store = ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 10)
    assert [one.row.requests for one in submitted(store, endpoints, asked)] == [4, 4, 2]
    small = hosted(server.base_url, Batch(max_mb=0.01))
    other = ResponseStore(tmp_path / "other")
    counts = [one.row.requests for one in submitted(other, small, asked)]
    assert sum(counts) == 10 and len(counts) > 1
    tokens = store.read(batches.all_batches)[0].tokens
    few = hosted(server.base_url, Batch(max_enqueued_tokens=tokens + 10))
    third = ResponseStore(tmp_path / "third")
    sent, left = submitted(third, few, asked)
    assert (sent.row.requests, left.requests) == (4, 6)
    assert isinstance(left, Left)
    assert [type(one) for one in submitted(third, few, asked)] == [Left]
    collect(third, few)
    assert submitted(third, few, asked)[0].row.requests == 4


def test_one_provider_in_trouble_does_not_hold_up_the_others(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    away = {"away": replace(hosted("http://127.0.0.1:9/v1")["web"], name="away")}
    asked = requests(endpoints, 2)
    lost = [replace(request, settings=replace(request.settings, endpoint="away")) for request in asked]
    with pytest.raises(ProviderError, match="endpoint away"):
        submitted(store, endpoints | away, [*lost, *asked])
    [row] = store.read(batches.open_batches)
    moved = replace(endpoints["web"], api_base="http://127.0.0.1:9/v1")
    with pytest.raises(ProviderError, match="endpoint web"):
        collect(store, {"web": moved})
    with pytest.raises(UserError, match=r"no endpoint web, whose batch batch_000 is open.*batch forget batch_000"):
        collect(store, {})
    collect(store, endpoints, only=[row.tag])
    assert None not in replies(store, asked)


def test_characters_that_end_lines_elsewhere_stay_in_their_line(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    [request] = requests(endpoints, 1)
    text = "a\u2028b\x85c\u0085d\x0be \U0001f600"
    asked = [replace(request, messages=(Message("user", text),), schema=None)]
    submitted(store, endpoints, asked)
    [row] = collect(store, endpoints)
    assert row.state == "completed" and list(server.shelf.asked.values()) == [1]


def test_an_endpoint_without_batches_is_refused_them() -> None:
    for entry in ({"kind": "scripted"}, {"kind": "hosted", "provider": "openrouter"}):
        with pytest.raises(UserError, match=r"endpoints.web.batch: only for kind hosted.*openai, xai"):
            endpoints_from({"web": {**entry, "batch": {"window": "24h"}}})


def test_a_wrong_key_is_said_and_not_shown(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", server.faults.bad_key)
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    with pytest.raises(UserError, match="check the key in TEST_KEY") as error:
        submitted(store, endpoints, requests(endpoints, 2))
    assert server.faults.bad_key not in str(error.value)
    assert store.read(batches.all_batches) == []


ODD = [
    b"not JSON",
    b"[1, 2]",
    b'{"custom_id": 7}',
    b'{"custom_id": "stranger", "response": {"status_code": 200, "body": {}}}',
    b'{"custom_id": "KEY", "response": null, "error": null}',
    b'{"custom_id": "KEY", "response": {"status_code": "200"}, "error": "oh"}',
    b'{"custom_id": "KEY", "response": {"status_code": 200, "body": "text"}}',
    b'{"custom_id": "KEY", "response": {"status_code": 200, "body": {"error": {"message": "no", "code": 503}}}}',
    b'{"custom_id": "KEY", "response": {"status_code": 401, "body": {"error": {"message": "bad key"}}}}',
]


@pytest.mark.parametrize("line", ODD)
def test_a_line_in_no_known_form_is_counted_and_keeps_nothing(tmp_path: Path, line: bytes) -> None:
    endpoints, store = hosted("http://x"), ResponseStore(tmp_path / "store")
    [request] = requests(endpoints, 1)
    rows = lines_in([line.replace(b"KEY", request.key.encode()), b"", b"\n"])
    asked = {request.key: ("work", request.canonical())}
    intake = take_in(store, endpoints["web"], "scripted-eager", rows, asked, lambda c, key: True)
    assert (intake.answers, intake.refusals) == (0, 0)
    assert intake.strange + intake.unanswered.total() == 1
    assert replies(store, [request]) == [None]


@pytest.mark.parametrize("provider", sorted(MODES))
def test_a_reply_in_no_known_form_is_one_line(provider: str, recwarn: pytest.WarningsRecorder) -> None:
    """As of a web page's server, or a proxy with JSON of its own, at a batch's address."""
    kinds = (b"null", b"[]", b'"x"', b"7", b"<p>", b'[{"id": 1}]', b'{"data": [null]}', b'{"data": {"a": 1}}')
    for data in (*kinds, b'{"id": "b", "object": "batch", "status": 7, "request_counts": "x", "data": [{"id": 5}]}'):
        with saying(200, {"Content-Type": "application/json"}, data) as (url, _):
            api = BatchApi(hosted(url, provider=provider)["web"], "scripted-eager")
            for name, given in (("look", ["b"]), ("cancel", ["b"]), ("find", ["tag", 0.0])):
                with contextlib.suppress(ProviderError):
                    assert getattr(api, name)(*given) is None, "nothing is made of it but an empty list"
            with pytest.raises(ProviderError, match=r"none that litellm reads|no answer"):
                api.send("tag", b"{}\n")
    assert [str(warning.message) for warning in recwarn if "Serializ" in str(warning.message)] == []


def test_a_provider_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    endpoints, store = hosted("http://127.0.0.1:9/v1"), ResponseStore(tmp_path / "store")
    with pytest.raises(ProviderError, match="endpoint web, batches of scripted-eager: no answer"):
        submitted(store, endpoints, requests(endpoints, 2))
    assert store.read(batches.all_batches) == []
