"""Real HTTP through litellm against scripted models: what is sent, each fault, the key's secrecy, the cost."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate
from loopback import completion, listening
from projects import ROOT

from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.endpoints.client import complete
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request, Response, judged
from diziner.records.annotations import Annotation, Failure
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline
from diziner.scripted.faults import KINDS, Faults
from diziner.scripted.server import ScriptedServer

KEY = "sk-test-5ecret-1234567890"
TYPES = (EntityType("PER", "person", "A human."), EntityType("LOC", "location", "A place."))
GUIDELINE = Guideline("made_up", 0, Goal("News.", "Research.", "Names.", "Counting."), TYPES)


def documents(count: int) -> list[Document]:
    texts = [f"Ada Lovelace sent {n} letters from Lisbon to Port Said ." for n in range(count)]
    return [Document(f"d{n}", tuple(text.split()), text) for n, text in enumerate(texts)]


def hosted(base_url: str, **settings: Any) -> Endpoint:
    defaults: dict[str, Any] = {"provider": "openai", "key_env": "TEST_KEY", "concurrency": 8, "timeout_s": 5.0}
    return Endpoint("web", "hosted", api_base=base_url, **{**defaults, **settings})


def annotator(structured: str = "json_schema", **settings: Any) -> AnnotatorSettings:
    return AnnotatorSettings("reader", ModelSettings("web", "scripted-eager", structured=structured, **settings))


@pytest.fixture(autouse=True)
def key_and_short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("diziner.llm.lane._FIRST_WAIT_S", 0.02)


def asker(folder: Path, endpoint: Endpoint, **more: Any) -> StoreAsker:
    return StoreAsker(ResponseStore(folder / "store.sqlite"), {"web": endpoint}, report=folder / "cost.json", **more)


def one_annotation(folder: Path, faults: Faults, **settings: Any) -> tuple[Annotation, int]:
    with ScriptedServer(faults) as server:
        door = asker(folder, hosted(server.base_url, **settings))
        [annotation] = annotate(documents(1), GUIDELINE, annotator(), door, "test")
        return annotation, server.requests


def test_answers_over_http_equal_those_in_process(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        over_http = annotate(
            documents(20), GUIDELINE, annotator(), asker(tmp_path / "a", hosted(server.base_url)), "test"
        )
        assert server.requests == 20
    direct = StoreAsker(ResponseStore(tmp_path / "b"), {"web": Endpoint("web", "scripted")})
    in_process = annotate(documents(20), GUIDELINE, annotator(), direct, "test")
    assert [a.spans for a in over_http] == [a.spans for a in in_process]
    assert any(a.spans for a in over_http)


@pytest.mark.parametrize("provider", ["openai", "openrouter", "hosted_vllm"])
def test_each_broken_exchange_is_tried_again_within_the_budget(tmp_path: Path, provider: str) -> None:
    codes = {
        "rate_limit": "rate_limited",
        "rate_limit_bare": "rate_limited",
        "server_error": "unavailable",
        "hang": "timeout",
        "reset": "unavailable",
        "broken_off": "unavailable",
        "no_message": "unavailable",
    }
    for fault, code in codes.items():
        rates: dict[str, Any] = {fault: 1.0}
        faults = Faults(**rates, retry_after_s=0.02, hang_s=5.0)
        annotation, calls = one_annotation(tmp_path / fault, faults, attempts=2, timeout_s=0.3, provider=provider)
        assert annotation.failure is not None
        assert (fault, annotation.failure.code, calls) == (fault, code, 2)
        assert annotation.failure.detail.endswith("(2 calls)")
        # What is not an answer is written into an output: the same every time, so nothing of this process.
        assert "0x" not in annotation.failure.detail
        assert "litellm" not in annotation.failure.detail


@pytest.mark.parametrize("provider", ["openai", "openrouter", "hosted_vllm"])
def test_a_reply_that_is_too_large_is_broken_off_and_said_so(tmp_path: Path, provider: str) -> None:
    annotation, calls = one_annotation(tmp_path, Faults(flood=1.0), attempts=2, timeout_s=60.0, provider=provider)
    assert annotation.failure is not None and calls == 2
    said = "the reply is larger than 16 MB (max_reply_mb of the endpoint) (2 calls)"
    assert (annotation.failure.code, annotation.failure.detail) == ("unavailable", said)
    roomy = one_annotation(tmp_path / "b", Faults(flood=1.0), max_reply_mb=32.0, timeout_s=60.0, provider=provider)
    assert (roomy[0].failure, roomy[1]) == (None, 1)


def test_a_call_that_is_cancelled_while_it_sets_out_sends_nothing_and_leaves_nothing_behind() -> None:
    """litellm makes a coroutine in a thread, and cancelling the wait for it would lose it, with a warning."""
    made, go_on = threading.Event(), threading.Event()

    class Slow(ThreadPoolExecutor):
        def submit(self, task: Any, *given: Any) -> Any:  # type: ignore[override]
            def held() -> Any:
                result = task(*given)
                made.set()
                go_on.wait(60)
                return result

            return super().submit(held)

    async def cancelled(endpoint: Endpoint) -> None:
        asyncio.get_running_loop().set_default_executor(Slow(1))
        request = Request("here", ModelSettings("web", "scripted-eager"), (Message("user", "Hi"),))
        call = asyncio.create_task(complete(request, endpoint, endpoint.api_base))
        while not made.is_set():
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.sleep(0.01)
        go_on.set()
        await asyncio.wait([call])
        assert call.cancelled()

    with ScriptedServer() as server, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(cancelled(hosted(server.base_url)))
        gc.collect()
        assert server.requests == 0
    assert not [each.message for each in told if "never awaited" in str(each.message)]


def test_each_spoiled_answer_is_a_failure_or_is_read(tmp_path: Path) -> None:
    codes = {"truncated": "truncated", "refusal": "refused", "empty": "empty", "wrong_types": "unparsable"}
    codes |= {"too_long": "too_long", "too_large": "too_long", "filtered": "refused", "moderated": "refused"}
    forms = ("prose", "think", "invented", "parts", "reasoning", "odd_numbers")
    for fault in (*codes, *forms):
        rates: dict[str, Any] = {fault: 1.0}
        annotation, calls = one_annotation(tmp_path / fault, Faults(**rates))
        assert (annotation.failure.code if annotation.failure else None) == codes.get(fault)
        assert calls == (2 if fault == "wrong_types" else 1)
        if fault == "invented":
            assert annotation.drops == {"not_in_text": 1}


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    door = asker(tmp_path, hosted("http://127.0.0.1:9/v1", attempts=2))
    [annotation] = annotate(documents(1), GUIDELINE, annotator(), door, "test")
    assert annotation.failure is not None
    assert annotation.failure.code == "unavailable"


def test_a_fifth_of_faults_changes_no_answer_and_loses_no_document(tmp_path: Path) -> None:
    share = 0.2 / len(KINDS)
    rates: dict[str, Any] = dict.fromkeys(KINDS, share)
    with ScriptedServer() as server:
        good = annotate(documents(60), GUIDELINE, annotator(), asker(tmp_path / "a", hosted(server.base_url)), "test")
    # The address is in the keys behind each row.
    port = int(server.base_url.split(":")[2].removesuffix("/v1"))
    with ScriptedServer(Faults(**rates, retry_after_s=0.02, hang_s=2.0), port=port) as server:
        endpoint = hosted(server.base_url, timeout_s=0.5, attempts=6)
        faulty = annotate(documents(60), GUIDELINE, annotator(), asker(tmp_path / "b", endpoint), "test")
        assert 60 < server.requests <= 60 * 6 * 2
    assert [a.id for a in faulty] == [a.id for a in good]
    answered = [(a, b) for a, b in zip(good, faulty, strict=True) if b.failure is None]
    assert len(answered) > 50
    # Where the answer itself came through, the row is the same to the last byte.
    sound = [(a, b) for a, b in answered if not b.repairs and not b.drops]
    assert len(sound) >= len(answered) - 4
    assert all(a == b for a, b in sound)
    allowed = {"truncated", "refused", "too_long", "empty", "unparsable"}
    assert {b.failure.code for b in faulty if b.failure} <= allowed


def test_a_rerun_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    with ScriptedServer(Faults(truncated=0.2, empty=0.1, refusal=0.1)) as server:
        first = annotate(documents(30), GUIDELINE, annotator(), asker(tmp_path, hosted(server.base_url)), "test")
        causes = Counter(a.failure.code for a in first if a.failure is not None)
        failed = causes["truncated"] + causes["empty"]
        assert failed > 3
        assert causes["refused"] > 0  # which a model would do again
        assert server.requests == 30
        second = annotate(documents(30), GUIDELINE, annotator(), asker(tmp_path, hosted(server.base_url)), "test")
        assert server.requests == 30 + failed
    assert sum(a.failure is not None for a in second) < causes.total()
    assert sum(a.failure is not None and a.failure.code == "refused" for a in second) >= causes["refused"]


def test_a_bad_key_stops_at_once_and_says_where_to_mend_it(tmp_path: Path) -> None:
    with ScriptedServer(Faults(bad_key=KEY)) as server:
        door = asker(tmp_path, hosted(server.base_url, concurrency=2))
        with pytest.raises(UserError, match="endpoint web, model scripted-eager: check the key in TEST_KEY") as error:
            annotate(documents(50), GUIDELINE, annotator(), door, "test")
        assert server.requests <= 4
    assert KEY not in str(error.value)


def test_a_missing_key_is_said_before_the_first_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY")
    with ScriptedServer() as server:
        with pytest.raises(UserError, match="no key: set the environment variable TEST_KEY"):
            annotate(documents(1), GUIDELINE, annotator(), asker(tmp_path, hosted(server.base_url)), "test")
        assert server.requests == 0


def test_an_unknown_model_stops_at_once(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        settings = AnnotatorSettings("reader", ModelSettings("web", "gpt-99"))
        with pytest.raises(UserError, match=r"endpoint web, model gpt-99: it is not there \(.*no scripted model"):
            annotate(documents(9), GUIDELINE, settings, asker(tmp_path, hosted(server.base_url, concurrency=1)), "test")
        assert server.requests == 1


@pytest.mark.parametrize("name", ["api_key", "extra_headers", "api_base", "temperature", "response_format"])
def test_extra_takes_no_secrets_and_nothing_that_has_its_own_place(tmp_path: Path, name: str) -> None:
    with ScriptedServer() as server:
        door = asker(tmp_path, hosted(server.base_url))
        with pytest.raises(UserError, match=f"extra of scripted-eager: {name} cannot be set there"):
            annotate(documents(1), GUIDELINE, annotator(extra={name: "x"}), door, "test")
        assert server.requests == 0


def ask_one(folder: Path, base_url: str, settings: ModelSettings, **endpoint: Any) -> tuple[Any, StoreAsker]:
    door = asker(folder, hosted(base_url, **endpoint))
    schema = {"title": "t", "type": "object"} if settings.structured == "json_schema" else None
    [outcome] = door.ask([Request("web", settings, (Message("user", "Hi"),), schema)], "work")
    return judged(outcome), door


@pytest.mark.parametrize("provider", ["openai", "openrouter", "hosted_vllm"])
def test_what_the_settings_say_is_what_is_sent(tmp_path: Path, provider: str) -> None:
    with listening((200, {}, completion())) as (base_url, bodies):
        settings = ModelSettings(
            "web",
            "unheard-of",
            temperature=0.5,
            top_p=0.9,
            max_tokens=33,
            seed=7,
            stop=("END",),
            structured="json_schema",
            extra={"top_k": 5},
        )
        ask_one(tmp_path, base_url, settings, provider=provider)
    [body] = bodies
    sent = {key: body.get(key) for key in ("temperature", "top_p", "max_tokens", "seed", "stop", "top_k")}
    assert sent == {"temperature": 0.5, "top_p": 0.9, "max_tokens": 33, "seed": 7, "stop": ["END"], "top_k": 5}
    assert body["response_format"]["json_schema"]["schema"] == {"title": "t", "type": "object"}
    assert body["model"] == "unheard-of"
    assert body["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("structured", ["none", "json_object", "json_schema"])
def test_a_schema_is_sent_only_where_the_model_is_declared_to_take_it(tmp_path: Path, structured: str) -> None:
    with listening((200, {}, completion())) as (base_url, bodies):
        ask_one(tmp_path, base_url, ModelSettings("web", "m", structured=structured))
    form = bodies[0].get("response_format", {"type": "none"})
    assert form["type"] == structured


def test_a_parameter_the_model_does_not_take_is_left_out_where_it_makes_no_difference(tmp_path: Path) -> None:
    with listening((200, {}, completion())) as (base_url, bodies):
        ask_one(tmp_path, base_url, ModelSettings("web", "gpt-5-mini-2025-08-07", temperature=1.0))
        assert "top_p" not in bodies[0]
        with pytest.raises(UserError, match="top_p"):
            ask_one(tmp_path, base_url, ModelSettings("web", "gpt-5-mini-2025-08-07", temperature=1.0, top_p=0.5))
        assert len(bodies) == 1


def test_retry_after_is_read_from_the_reply(tmp_path: Path) -> None:
    busy = {"error": {"message": "busy", "type": "t", "code": "c"}}
    for name, text, wished in (
        ("Retry-After", "7000", "7000"),
        ("retry-after-ms", "7000000", "7000"),
        ("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT", None),
    ):
        with listening((429, {name: text}, busy)) as (base_url, bodies):
            outcome, _ = ask_one(tmp_path, base_url, ModelSettings("web", "m"))
            assert isinstance(outcome, Failure)
            assert outcome.code == "rate_limited"
            assert f"it asks to wait {wished or ''}" in outcome.detail
            assert len(bodies) == 1


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (402, {"message": "Insufficient credits"}, "the request is refused"),
        (403, {"message": "no access"}, "check the key in TEST_KEY"),
        (429, {"message": "You exceeded your quota", "code": "insufficient_quota"}, "no money left"),
        (400, {"message": "Your credit balance is too low"}, "the request is refused"),
    ],
)
def test_what_will_not_mend_itself_stops_the_run(
    tmp_path: Path, status: int, error: dict[str, Any], message: str
) -> None:
    with listening((status, {}, {"error": {"type": "t", **error}})) as (base_url, bodies):
        with pytest.raises(UserError, match=message) as stopped:
            ask_one(tmp_path, base_url, ModelSettings("web", "m"))
        assert len(bodies) == 1
    assert "\n" not in str(stopped.value)


def test_a_filter_that_answers_with_an_error_is_a_refusal(tmp_path: Path) -> None:
    error = {"message": "violates content_policy", "code": "content_policy_violation", "type": "invalid_request_error"}
    with listening((400, {}, {"error": error})) as (base_url, _):
        outcome, _ = ask_one(tmp_path, base_url, ModelSettings("web", "m"))
    assert outcome == Failure("refused", "violates content_policy")


def test_an_error_in_a_sound_reply_is_tried_again(tmp_path: Path) -> None:
    choice = {"index": 0, "message": {"role": "assistant"}, "finish_reason": "error", "error": {"code": 502}}
    broken = {**completion(), "choices": [choice]}
    with listening((200, {}, broken), (200, {}, completion())) as (base_url, bodies):
        outcome, _ = ask_one(tmp_path, base_url, ModelSettings("web", "m"))
    assert isinstance(outcome, Response)
    assert len(bodies) == 2


def test_half_a_character_in_an_answer_does_not_lose_it(tmp_path: Path) -> None:
    with listening((200, {}, completion("caf\ud83d"))) as (base_url, _):
        outcome, door = ask_one(tmp_path, base_url, ModelSettings("web", "m"))
    assert isinstance(outcome, Response)
    assert outcome.text == "caf�"
    assert door.store.verify() == 1


def test_the_providers_own_cost_is_what_is_booked(tmp_path: Path) -> None:
    prices = {"m": {"input": 10.0, "output": 100.0}}
    body = completion(cost=0.0015)
    body["usage"]["prompt_tokens_details"] = {"cached_tokens": 40}
    with listening((200, {}, body)) as (base_url, _):
        ask_one(tmp_path, base_url, ModelSettings("web", "m"), prices=prices)
    total = json.loads((tmp_path / "cost.json").read_text())["total"]
    assert total == {
        "calls": 1,
        "repairs": 0,
        "unanswered": 0,
        "unpriced": 0,
        "prompt_tokens": 50,
        "cached_tokens": 40,
        "completion_tokens": 7,
        "usd": 0.0015,
        "gap_usd": 0.0003,
        "set_aside_usd": 0.0,
    }


def test_the_key_is_in_nothing_that_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    echo = {"error": {"message": f"Incorrect API key provided: {KEY}.", "type": "t", "code": "c"}}
    messages = []
    for status in (400, 401, 429, 500):
        with listening((status, {}, echo)) as (base_url, _):
            try:
                outcome, _ = ask_one(tmp_path, base_url, ModelSettings("web", "m"), attempts=1)
                messages.append(outcome.detail)
            except UserError as error:
                messages.append(str(error))
    with ScriptedServer(Faults(wrong_types=0.5, server_error=0.2), seed=1) as server:
        prices = {"scripted-eager": {"input": 1, "output": 1}}
        door = asker(tmp_path, hosted(server.base_url, prices=prices, attempts=1))
        annotations = annotate(documents(10), GUIDELINE, annotator(), door, "test")
        messages.append(repr(annotations))
    printed = capfd.readouterr()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 2
    assert len(messages) == 5
    for text in [*messages, printed.out, printed.err]:
        assert KEY not in text
    assert all(KEY.encode() not in data for data in written)
    assert "LiteLLM" not in printed.err


def test_litellm_spends_no_time_on_prices_and_records_that_nobody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litellm import cost_calculator
    from litellm.litellm_core_utils.litellm_logging import Logging

    done: list[str] = []
    monkeypatch.setattr(cost_calculator, "completion_cost", lambda *_, **__: done.append("price"))
    monkeypatch.setattr(Logging, "async_success_handler", lambda *_, **__: done.append("record"))
    for provider in ("openai", "openrouter", "hosted_vllm"):
        with listening((200, {}, completion())) as (base_url, bodies):
            outcome, _ = ask_one(tmp_path / provider, base_url, ModelSettings("web", "m"), provider=provider)
        assert isinstance(outcome, Response)
        assert len(bodies) == 1
    assert done == []


def test_the_client_is_loaded_before_the_clock_of_the_first_call_starts() -> None:
    script = """
import sys, tempfile
from pathlib import Path
from diziner.llm.ask import StoreAsker
from diziner.endpoints import Endpoint
from diziner.prompting.request import Message, ModelSettings, Request, Response
from diziner.endpoints import client
from diziner.llm.store import ResponseStore

async def complete(request, endpoint, api_base):
    assert "litellm" in sys.modules
    return Response("{}", "stop")

web = Endpoint("web", "hosted", api_base="http://127.0.0.1:9/v1")
door = StoreAsker(ResponseStore(Path(tempfile.mkdtemp()) / "store"), {"web": web})
client.complete = complete
assert "litellm" not in sys.modules
[outcome] = door.ask([Request("web", ModelSettings("web", "m"), (Message("user", "Hi"),))], "work")
sys.stdout.write(outcome.text)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "{}", done.stderr
