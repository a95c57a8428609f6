"""Batches through litellm against the scripted server: sent once, collected once, at half the price; and what goes
wrong on the way."""

from __future__ import annotations

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback import completion, listening

from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import ProviderError, UserError
from diziner.endpoints import Endpoint, endpoints_from
from diziner.endpoints.batch_api import BatchApi, Job, lines_in
from diziner.endpoints.batching import MODES, Batch
from diziner.endpoints.client import body_of
from diziner.llm import batches, ledger
from diziner.llm.ask import StoreAsker
from diziner.llm.collecting import cancel, collect, take_in
from diziner.llm.lane import run
from diziner.llm.store import ResponseStore
from diziner.llm.submitting import Left, Sent, submit
from diziner.llm.waiting import WaitingError, goes_out
from diziner.prompting.request import Message, ModelSettings, Refusal, Request, Response
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline
from diziner.scripted.batches import BatchHabits
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer

TYPES = (EntityType("PER", "person", "A human."), EntityType("LOC", "location", "A place."))
GUIDELINE = Guideline("made_up", 0, Goal("News.", "Research.", "Names.", "Counting."), TYPES)
PRICES = {f"scripted-{name}": {"input": 1.0, "output": 4.0} for name in ("eager", "shy", "gone")}
OWN = Batch()
KEY = "sk-test-5ecret-1234567890"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("diziner.endpoints.batch_api._WAITS_S", (0.01,))
    monkeypatch.setenv("AZURE_API_VERSION", "2024-10-21")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def hosted(base_url: str, batch: Batch | None = OWN, **settings: Any) -> dict[str, Endpoint]:
    own = {"provider": "openai", "key_env": "TEST_KEY", "concurrency": 8, "timeout_s": 5.0, "prices": PRICES}
    return {"web": Endpoint("web", "hosted", api_base=base_url, batch=batch, **{**own, **settings})}


def requests(endpoints: dict[str, Endpoint], count: int, model: str = "scripted-eager") -> list[Request]:
    texts = [f"Ada Lovelace sent {n} letters from Lisbon to Port Said ." for n in range(count)]
    documents = [Document(f"d{n}", tuple(text.split()), text) for n, text in enumerate(texts)]
    annotator = AnnotatorSettings("reader", ModelSettings("web", model, structured="json_schema"))
    return requests_for(documents, GUIDELINE, annotator, StoreAsker(ResponseStore(Path("none")), endpoints))


def submitted(store: ResponseStore, endpoints: dict[str, Endpoint], asked: list[Request], **more: Any) -> list[Any]:
    return list(submit(store, endpoints, [("work", request) for request in asked], more.get("budget_usd")))


def replies(store: ResponseStore, asked: list[Request]) -> list[Any]:
    found = store.get([request.key for request in asked], failures=True)
    return [found.get(request.key) for request in asked]


def spent(store: ResponseStore) -> int:
    return store.apply([ledger.spent])[0]


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


def test_answers_are_those_of_calls_at_half_the_price_whatever_their_order(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(polls=1, doubled=0.3)) as server:
        endpoints = hosted(server.base_url)
        asked = requests(endpoints, 20) + requests(endpoints, 5, "scripted-shy")
        called, store = ResponseStore(tmp_path / "called"), ResponseStore(tmp_path / "batched")
        outcomes = StoreAsker(called, endpoints).ask(asked, "work")
        sent = submitted(store, endpoints, asked)
        assert [(one.row.model, one.row.requests) for one in sent] == [("scripted-eager", 20), ("scripted-shy", 5)]
        assert [row.state for row in collect(store, endpoints)] == ["in_progress", "in_progress"]
        assert replies(store, asked) == [None] * 25
        ended = collect(store, endpoints, tmp_path / "cost.json")
        assert [row.is_open for row in ended] == [0, 0]
        assert "20 answers" in ended[0].note and "twice" in ended[0].note
        assert replies(store, asked) == outcomes
        assert server.shelf.asked == Counter(request.key for request in asked)
        assert spent(store) * 2 == spent(called) > 0
        assert json.loads((tmp_path / "cost.json").read_text())["total"]["calls"] == 25
        assert collect(store, endpoints) == []
        assert submitted(store, endpoints, asked) == []
        assert spent(store) * 2 == spent(called)


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


@pytest.mark.parametrize("provider", ["azure", "mistral"])  # of the others litellm takes no client
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


def test_what_expired_or_failed_is_sent_again_and_nothing_else(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(expired=0.3, failed=0.2)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 30)
        submitted(store, endpoints, asked)
        [row] = collect(store, endpoints)
        assert row.state == "expired" and "(expired)" in row.note and "unavailable" in row.note
        missing = [request for request, reply in zip(asked, replies(store, asked), strict=True) if reply is None]
        assert 5 < len(missing) < 25
        server.shelf.habits = BatchHabits()
        [again] = submitted(store, endpoints, asked)
        assert again.row.requests == len(missing)
        collect(store, endpoints)
        assert None not in replies(store, asked)
        twice = {key for key, count in server.shelf.asked.items() if count == 2}
        assert twice == {request.key for request in missing}
        assert max(server.shelf.asked.values()) == 2


def test_refusals_and_answers_that_are_none_are_kept_as_calls_keep_them(tmp_path: Path) -> None:
    faults = Faults(too_long=0.2, filtered=0.1, truncated=0.2, refusal=0.1)
    with ScriptedServer(faults) as called, ScriptedServer(faults) as batched:
        one, other = hosted(called.base_url), hosted(batched.base_url)
        # Requests name no server: the same text has the same fault in both.
        asked, same = requests(one, 40), requests(other, 40)
        store, batch_store = ResponseStore(tmp_path / "called"), ResponseStore(tmp_path / "batched")
        StoreAsker(store, one).ask(asked, "work")
        submitted(batch_store, other, same)
        collect(batch_store, other)
        # What is no answer is what came of it: the stage goes on, and nobody pays for it once more.
        assert StoreAsker(batch_store, other, batches=True).ask(same, "work") == replies(batch_store, same)
        assert batched.requests == 0
    kept = replies(batch_store, same)
    assert kept == replies(store, asked)
    assert {reply.code for reply in kept if isinstance(reply, Refusal)} == {"too_long", "refused"}
    assert {"length", "refusal"} <= {reply.finish_reason for reply in kept if isinstance(reply, Response)}


def test_a_batch_that_was_accepted_without_a_word_is_found_by_its_tag(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(lost=1)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 4)
        with pytest.raises(ProviderError, match="no answer"):
            submitted(store, endpoints, asked)
        assert [row.state for row in store.read(batches.open_batches)] == [batches.SENDING]
        assert submitted(store, endpoints, asked) == []  # they are in a batch, whatever became of it
        [row] = collect(store, endpoints)
        assert (row.id, row.is_open) == ("batch_000", 0)
        assert None not in replies(store, asked)
        assert set(server.shelf.asked.values()) == {1}


def test_a_batch_that_another_checkout_sent_is_taken_over(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints = hosted(server.base_url)
    asked = requests(endpoints, 4)
    mine, theirs = ResponseStore(tmp_path / "mine"), ResponseStore(tmp_path / "theirs")
    submitted(theirs, endpoints, asked)
    [found] = submitted(mine, endpoints, asked)
    assert found.was_found
    for store in (mine, theirs):
        collect(store, endpoints)
        assert None not in replies(store, asked)
    assert set(server.shelf.asked.values()) == {1}


def test_killed_before_it_is_accepted_it_is_sent_anew(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 4)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("diziner.endpoints.batch_api.BatchApi.send", end)
        submitted(store, endpoints, asked)
    store.close()
    assert [row.state for row in store.read(batches.open_batches)] == [batches.SENDING]
    assert collect(store, endpoints) == []  # it is not there, and forgotten
    assert [type(one) for one in submitted(store, endpoints, asked)] == [Sent]


def test_killed_in_the_midst_of_collecting_nothing_is_booked_twice(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 10)
    submitted(store, endpoints, asked)
    from diziner.llm import collecting

    booked, calls = collecting._book, []

    def end_at_the_third(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        booked(*arguments)

    monkeypatch.setattr(collecting, "_AT_ONCE", 3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(collecting, "_book", end_at_the_third)
        collect(store, endpoints)
    assert sum(reply is not None for reply in replies(store, asked)) == 6
    collect(store, endpoints)
    assert None not in replies(store, asked)
    assert sum(entry.calls for entry in store.apply([lambda c: list(ledger.entries(c))])[0]) == 10


def test_a_cancelled_batch_keeps_what_was_answered(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(polls=9)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 10)
        [sent] = submitted(store, endpoints, asked)
        cancel(store, endpoints, sent.row)
        [row] = collect(store, endpoints)
        assert (row.state, row.is_open) == ("cancelled", 0)
        assert row.note == "5 answers, 5 not answered (cancelled)"
        [again] = submitted(store, endpoints, asked)
        assert again.row.requests == 5


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


def test_a_budget_holds_for_batches(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 10)
    with pytest.raises(UserError, match=r"budget.usd: is 0.001; .*max_requests"):
        submitted(store, endpoints, asked, budget_usd=0.001)
    assert store.read(batches.all_batches) == []
    assert server.shelf.asked == Counter()
    submitted(store, endpoints, asked, budget_usd=1.0)
    assert store.apply([ledger.reserved])[0] > 0
    collect(store, endpoints)
    assert store.apply([ledger.reserved])[0] == 0 < spent(store)


def test_what_is_in_a_batch_is_not_called_nor_what_is_to_go_out(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(polls=1)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 4)
        waiting, at_once = StoreAsker(store, endpoints, batches=True), StoreAsker(store, endpoints)
        with pytest.raises(WaitingError, match=r"4 requests are in no batch of endpoint web.*diziner batch submit"):
            waiting.ask(asked, "work")
        submitted(store, endpoints, asked[:3])
        with pytest.raises(WaitingError, match=r"3 requests are in batch batch_000 \(in progress, 0 of 3 done\)"):
            at_once.ask(asked, "work")
        assert len(at_once.ask(asked[:3], "work")) == 3  # it has ended
        assert server.requests == 0
        at_once.ask(asked, "work")
        assert server.requests == 1
    assert (at_once.tally.called, at_once.tally.found) == (1, 6)


def test_repairs_and_the_supervisor_go_out_only_if_asked() -> None:
    web = hosted("http://x")["web"]
    labels = [
        "news round 0, a",
        "news round 0, a, repair",
        "news round 1, supervisor: goal",
        "news round 1, C1 alone, a",
    ]
    assert [goes_out(web, label) for label in labels] == [True, False, False, False]
    all_out = hosted("http://x", Batch(repairs=True, supervisor=True))["web"]
    assert [goes_out(all_out, label) for label in labels] == [True] * 4
    assert not goes_out(hosted("http://x", None)["web"], labels[0])


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


def test_a_provider_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    endpoints, store = hosted("http://127.0.0.1:9/v1"), ResponseStore(tmp_path / "store")
    with pytest.raises(ProviderError, match="endpoint web, batches of scripted-eager: no answer"):
        submitted(store, endpoints, requests(endpoints, 2))
    assert store.read(batches.all_batches) == []


def test_another_model_than_before_is_paid_for_and_not_kept(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 6)
    with ScriptedServer(seed=5) as other:  # the same address in the store, another fingerprint
        elsewhere = hosted(other.base_url)
        StoreAsker(store, elsewhere).ask(
            [Request(asked[0].address, r.settings, r.messages, r.schema) for r in asked[:2]], "w"
        )
    submitted(store, endpoints, asked)
    with pytest.raises(UserError, match="not the model that answered before"):
        collect(store, endpoints)
    assert sum(reply is not None for reply in replies(store, asked)) == 2
    assert store.read(batches.open_batches) == []
