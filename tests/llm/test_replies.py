"""Replies of servers of today, over HTTP: read in whatever plain form they come, else a failure that says why."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from field_replies import outcome_of_reply
from loopback import completion, listening

from diziner.common.plain import plain_message
from diziner.endpoints import Endpoint
from diziner.endpoints.failures import TransientError
from diziner.endpoints.replies import numbers_in, response_in
from diziner.llm.ask import StoreAsker
from diziner.llm.ledger import entries
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request, Response

ANSWER = '{"entities": [{"text": "Mara", "type": "person"}]}'
READ = {"spans": [[0, 1, "PER"]], "calls": 1}
PROVIDERS = ("openai", "openrouter", "hosted_vllm")


def reply(reason: Any = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return {**completion(), "choices": [choice]}


def without_message(choice: dict[str, Any]) -> dict[str, Any]:
    return {**completion(), "choices": [choice]}


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Is Mara a person?"}]}
TEXT_FORMS: dict[str, Any] = {
    "parts with thinking": reply(content=[THOUGHT, {"type": "text", "text": ANSWER}]),
    "parts, text in two": reply(content=[{"type": "text", "text": ANSWER[:9]}, {"type": "text", "text": ANSWER[9:]}]),
    "parts that are texts": reply(content=[ANSWER]),
    "parts with a value": reply(content=[{"type": "output_text", "text": {"value": ANSWER}}]),
    "thinking beside the text": reply(content=ANSWER, reasoning_content="Mara is a person.", reasoning="So."),
    "all under reasoning_content": reply(content=None, reasoning_content=ANSWER),
    "all under reasoning": reply(content="", reasoning=f"\n{ANSWER}\n"),
    "a part for content": reply(content={"type": "text", "text": ANSWER}),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(reply(content=ANSWER)).encode(),
    "an object for content": reply(content=json.loads(ANSWER)),
    "a finish reason of its own": reply("eos_token", content=ANSWER),
    "no finish reason": reply(None, content=ANSWER),
    "a finish reason that colours": reply("\x1b[31mstop", content=ANSWER),
    "a text in place of a message": without_message({"index": 0, "text": ANSWER, "finish_reason": "stop"}),
}
FAILURE_FORMS = {
    "only thinking": (reply(content=[THOUGHT]), "empty", "no text but reasoning"),
    "reasoning around an object": (reply(content=None, reasoning_content=f"So: {ANSWER}"), "empty", "but reasoning"),
    "reasoning that was cut": (reply("length", content=None, reasoning="Let me see"), "truncated", "cut off"),
    "cut by a name of its own": (reply("MAX_TOKENS", content='{"ent'), "truncated", "cut off"),
    "a filter": (reply("content_filter", content=None), "refused", "content_filter"),
    "a filter by a name of its own": (reply("SAFETY", content=""), "refused", "content_filter"),
    "a refusal among the parts": (reply(content=[{"type": "refusal", "refusal": "No."}]), "refused", "refusal"),
    "a refusal": (reply(content=None, refusal="I cannot."), "refused", "refusal"),
    "no text": (reply(content=None), "empty", "no text$"),
    "finish reason error": (reply("error", content=""), "unavailable", "broke off, finish reason error"),
    "an error that says why": (
        without_message({"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "Upstream idle"}}),
        "unavailable",
        "Upstream idle",
    ),
    "a network error": (reply("network_error", content=""), "unavailable", "network_error"),
    "message null": (without_message({"index": 0, "message": None}), "unavailable", "a choice without a message"),
    "no message": (without_message({"index": 0, "finish_reason": "stop"}), "unavailable", "without a message"),
    "a choice that is none": (completion() | {"choices": [None]}, "unavailable", "holds no choice"),
    "no choice": (completion() | {"choices": []}, "unavailable", "holds no choice"),
    "choices null": (completion() | {"choices": None}, "unavailable", "holds no choice"),
    "an error with status 200": ({"error": {"message": "Overloaded", "code": 503}}, "unavailable", "Overloaded"),
    "an error in words": ({"error": "model is loading"}, "unavailable", "model is loading"),
    "an empty object": ({}, "unavailable", "holds no choice"),
    "a list": ([1], "unavailable", r"no JSON object but \[1\]"),
    "null": (None, "unavailable", "no JSON object but null"),
    "a page": (b"<html>\x1b[2J<body>Sign in</body></html>", "unavailable", "no JSON object but .*Sign in"),
    "nothing": (b"", "unavailable", "no JSON object"),
    "half a reply": (json.dumps(completion())[:40].encode(), "unavailable", "no JSON object"),
    "nested without end": (b"[" * 100_000, "unavailable", "no JSON object"),
}


FINISHES = {
    "stop": (
        "stop",
        "end_turn",
        "eos_token",
        "stop_sequence",
        "FINISH_REASON_STOP",
        "<|im_end|>",
        "COMPLETE",
        "tool_calls",
    ),
    "length": ("TOKEN_LIMIT", "max_new_tokens", "FINISH_REASON_MAX_TOKENS", "context_length_exceeded", "incomplete"),
    "content_filter": ("FINISH_REASON_SAFETY", "contentFiltered", "IMAGE_SAFETY", "content-filter", "ERROR_TOXIC"),
}


@pytest.mark.parametrize(("finish", "reasons"), FINISHES.items())
def test_a_finish_reason_is_known_by_its_words(finish: str, reasons: tuple[str, ...]) -> None:
    assert {response_in(reply(reason, content=ANSWER)).finish_reason for reason in reasons} == {finish}
    for reason in ("canceled", "timeout", "FINISH_REASON_ERROR", "engine_overloaded", "interrupted", "failed"):
        with pytest.raises(TransientError, match="broke off"):
            response_in(reply(reason, content=ANSWER))


def is_clean(detail: str) -> bool:
    return detail.isprintable() and not re.search(r"Traceback|site-packages|\.py\b|litellm|pydantic", detail)


@pytest.mark.parametrize("form", TEXT_FORMS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_text_in_any_plain_form_is_read(form: str, provider: str) -> None:
    assert outcome_of_reply(200, TEXT_FORMS[form], "Mara sings", provider) == READ


@pytest.mark.parametrize("form", FAILURE_FORMS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_without_an_answer_says_what_it_was(
    form: str, provider: str, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    body, code, said = FAILURE_FORMS[form]
    outcome = outcome_of_reply(200, body, "Mara sings", provider)
    assert outcome["failure"] == code
    assert re.search(said, outcome["detail"])
    assert is_clean(outcome["detail"])
    assert outcome["calls"] == (2 if code == "unavailable" else 1)
    printed = capfd.readouterr()
    assert printed.out == "" and is_clean(printed.err.replace("\n", " "))
    assert [warning for warning in recwarn if "pydantic" in str(warning.filename)] == []


@pytest.mark.parametrize("status", [500, 502, 529])
def test_an_error_of_a_server_in_many_words_is_one_clean_line(status: int) -> None:
    body = {
        "detail": 'Traceback (most recent call last):\n  File "/opt/serve/app/engine.py", line 3, in run\n'
        "    raise x\nRuntimeError: CUDA out of memory\x1b[0m\r\n",
    }
    outcome = outcome_of_reply(status, body, "Mara sings")
    assert outcome["failure"] == "unavailable"
    assert outcome["detail"] == "RuntimeError: CUDA out of memory [0m (2 calls)"


ODD_NUMBERS: list[Any] = [-100, -1e-9, float("nan"), float("inf"), 1e300, 10**22, "7", True, None, [1], {"usd": 1}]


@pytest.mark.parametrize("odd", ODD_NUMBERS, ids=repr)
@pytest.mark.parametrize("name", ["cost", "prompt_tokens", "completion_tokens", "prompt_tokens_details"])
def test_a_number_that_cannot_be_true_is_no_number_and_loses_no_answer(tmp_path: Path, name: str, odd: Any) -> None:
    usage: dict[str, Any] = {name: {"cached_tokens": odd} if name == "prompt_tokens_details" else odd}
    body = completion(ANSWER, **usage)
    with listening((200, {}, body)) as (base_url, _):
        prices = {"m": {"input": 1.0, "output": 1.0}}
        endpoint = Endpoint("web", "hosted", api_base=base_url, prices=prices)
        asker = StoreAsker(ResponseStore(tmp_path / "store.sqlite"), {"web": endpoint}, report=tmp_path / "cost.json")
        asker.budget_usd = 1.0
        request = Request("web", ModelSettings("web", "m"), (Message("user", "Hi"),))
        [outcome] = asker.ask([request], "work")
    assert isinstance(outcome, Response)
    assert outcome.text == ANSWER
    assert (outcome.cost_usd, outcome.cached_tokens) == (None, 0)
    expected = {"prompt_tokens": 50, "completion_tokens": 7, name: 0}
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (
        expected["prompt_tokens"],
        expected["completion_tokens"],
    )
    assert asker.store.get([request.key]) == {request.key: outcome}
    [line] = asker.store.apply([lambda c: list(entries(c))])[0]
    assert 0 <= line.nano_usd < 10**9
    assert asker.store.verify() == 1


def test_cached_tokens_are_kept_wherever_providers_name_them() -> None:
    for usage in (
        {"prompt_tokens_details": {"cached_tokens": 40}},
        {"prompt_cache_hit_tokens": 40, "prompt_cache_miss_tokens": 10},
        {"cache_read_input_tokens": 40},
    ):
        numbers = numbers_in({"prompt_tokens": 50, "completion_tokens": 7, "cost": 0.25, **usage})
        assert numbers == {"prompt_tokens": 50, "completion_tokens": 7, "cost_usd": 0.25, "cached_tokens": 40}
    assert numbers_in({"prompt_tokens": 50, "cache_read_input_tokens": 90})["cached_tokens"] == 50


def test_names_of_another_type_are_no_names(tmp_path: Path) -> None:
    odd = {"a": 1}
    with listening((200, {}, {**completion(ANSWER), "model": odd, "system_fingerprint": odd})) as (base_url, _):
        endpoint = Endpoint("web", "hosted", api_base=base_url)
        store = ResponseStore(tmp_path / "store.sqlite")
        request = Request("web", ModelSettings("web", "m"), (Message("user", "Hi"),))
        [outcome] = StoreAsker(store, {"web": endpoint}).ask([request], "work")
        assert isinstance(outcome, Response)
        assert (outcome.model, outcome.fingerprint) == ("", "")
        assert store.verify() == 1
    assert response_in({**completion(ANSWER), "model": "m\x1b[31m\n"}).model == "m [31m"


def test_what_is_left_of_a_message_tells_nothing_of_a_machine() -> None:
    told = {
        "cannot open /home/ann/.cache/models/x.gguf": "cannot open (path)",
        "POST /v1/chat/completions: 500": "POST /v1/chat/completions: 500",
        "see https://docs.example.org/a/b/c#d": "see https://docs.example.org/a/b/c#d",
        r"C:\Users\ann\serve.exe failed": "(path) failed",
        "line\u2028two\x00three": "line two three",
    }
    assert {text: plain_message(text) for text in told} == told
    assert len(plain_message("x" * 1000)) == 301


def test_a_reply_of_any_json_is_read_or_is_a_transient_error() -> None:
    values: list[Any] = [None, 0, "", "x", [], [{}], {}, {"a": {}}, True, 1e300, {"type": "text"}, [[[]]]]
    for value in values:
        for body in (
            value,
            {"choices": value},
            {"choices": [value]},
            {"choices": [{"message": value}]},
            {"choices": [{"message": {"content": value, "reasoning": value, "refusal": value}}], "usage": value},
            {"choices": [{"message": {"content": "{}"}, "finish_reason": value, "error": value}], "model": value},
        ):
            try:
                assert isinstance(response_in(body), Response)
            except TransientError as error:
                assert is_clean(error.detail)
