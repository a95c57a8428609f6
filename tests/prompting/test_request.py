"""Request keys: every field that shapes an answer is in them, and nothing else is."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from settings_page import said_defaults

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.prompting.request import Message, ModelSettings, Refusal, Request, Response, judged, key_of
from diziner.prompting.usage import usage_of
from diziner.records.annotations import Failure
from diziner.records.usage import Usage

SETTINGS = ModelSettings("here", "model-1")
REQUEST = Request("openai", SETTINGS, (Message("user", "Hello"),), {"type": "object"})

# For every field: other values than REQUEST has.
OTHER_SETTINGS: dict[str, list[Any]] = {
    "endpoint": ["there"],
    "model": ["model-2", "model-1 "],
    "revision": ["2025-01-01"],
    "temperature": [0.1, 1],
    "top_p": [0.9],
    "max_tokens": [2047],
    "seed": [1],
    "structured": ["json_object", "json_schema", "grammar"],
    "stop": [("\n",), ("\n", "\n\n"), ("",)],
    "extra": [{"top_k": 1}, {"top_k": 2}, {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "high"}}],
    "replica": [1],
}
OTHER_REQUEST: dict[str, list[Any]] = {
    "address": ["openai@http://127.0.0.1:1/v1", "openai@http://127.0.0.1:2/v1", "local"],
    "messages": [
        (),
        (Message("system", "Hello"),),
        (Message("user", "Hello "),),
        (Message("user", "Hello"), Message("user", "")),
        (Message("user", "He"), Message("user", "llo")),
    ],
    "schema": [None, {}, {"type": "array"}, {"type": "object", "required": []}],
}


def variants() -> list[Request]:
    changed = [
        dataclasses.replace(REQUEST, settings=dataclasses.replace(SETTINGS, **{name: value}))
        for name, values in OTHER_SETTINGS.items()
        for value in values
    ]
    return changed + [
        dataclasses.replace(REQUEST, **{name: value}) for name, values in OTHER_REQUEST.items() for value in values
    ]


def test_changing_any_field_changes_the_key() -> None:
    keys = [request.key for request in [REQUEST, *variants()]]
    assert len(set(keys)) == len(keys)


def test_the_mutations_leave_no_field_out() -> None:
    assert set(OTHER_SETTINGS) == {field.name for field in dataclasses.fields(ModelSettings)}
    assert set(OTHER_REQUEST) | {"settings"} == {field.name for field in dataclasses.fields(Request) if field.compare}


def test_transport_is_not_in_the_key() -> None:
    plain = Endpoint("here", "hosted", provider="openai")
    values: dict[str, Any] = {"int": 7, "float": 7.5, "bool": True, "str": "other"}
    for field in dataclasses.fields(Endpoint):
        if field.name in {"name", "kind", "provider", "api_base"}:
            continue
        value: Any = {"prices": {}, "identity": "off"}.get(field.name, values.get(str(field.type).split(" ")[0]))
        assert dataclasses.replace(plain, **{field.name: value}).address == plain.address, field.name


def test_another_base_url_or_provider_is_another_address() -> None:
    endpoints = [
        Endpoint("here", "hosted", provider="openai"),
        Endpoint("here", "hosted", provider="openrouter"),
        Endpoint("here", "hosted", provider="openai", api_base="http://127.0.0.1:1/v1"),
        Endpoint("here", "hosted", provider="openai", api_base="http://127.0.0.1:2/v1"),
        Endpoint("here", "local"),
        Endpoint("here", "scripted"),
    ]
    assert len({endpoint.address for endpoint in endpoints}) == len(endpoints)


def test_keys_do_not_depend_on_how_equal_values_are_written() -> None:
    whole = dataclasses.replace(SETTINGS, temperature=1, extra={"a": 1, "b": 2})
    same = dataclasses.replace(SETTINGS, temperature=1.0, extra={"b": 2, "a": 1})
    assert dataclasses.replace(REQUEST, settings=whole).key == dataclasses.replace(REQUEST, settings=same).key


def test_a_key_is_pinned() -> None:
    # Stores and tapes of other people are found by it: a change here makes them worthless.
    assert REQUEST.key == "eb99b1079d0d8c0a1e873968ddf0b4cb50bf808996b6fd35e114142a4186a28b"
    assert key_of(REQUEST.canonical()) == REQUEST.key


@pytest.mark.parametrize("extra", [{"a": math.nan}, {"a": object()}, {"a": "\ud800"}])
def test_what_is_not_json_is_refused_in_one_line(extra: dict[str, Any]) -> None:
    request = dataclasses.replace(REQUEST, settings=dataclasses.replace(SETTINGS, extra=extra))
    with pytest.raises(UserError, match="request to model-1: cannot be written as JSON") as error:
        _ = request.key
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason", "code"),
    [
        ("{}", "stop", None),
        ("{}", "eos", None),
        ("{}", "length", "truncated"),
        ("", "length", "truncated"),
        ("{}", "content_filter", "refused"),
        ("", "refusal", "refused"),
        (" \n", "stop", "empty"),
    ],
)
def test_truncations_refusals_and_empty_texts_are_no_answers(text: str, reason: str, code: str | None) -> None:
    failure = Response(text, reason).failure
    assert (failure.code if failure else None) == code


def test_a_repair_turn_keeps_what_requests_of_its_kind_begin_with() -> None:
    system, user, more = Message("system", "S"), Message("user", "U"), Message("assistant", "A")
    plain = Request("here", SETTINGS, (system, user))
    assert plain.followed_by(more).messages == (system, user, more)
    assert plain.followed_by(more).opening == (system,)
    begun = dataclasses.replace(plain, opening=(system, Message("user", "U")))
    assert begun.followed_by(more, user).opening == begun.opening
    assert plain.followed_by(more).followed_by(user).opening == (system,)


def test_usage_is_what_a_provider_says_nothing_for_a_refusal_and_unknown_where_no_reply_came() -> None:
    who = (REQUEST.key, "here", "model-1")
    said = Response("x", "stop", "m", "xllamacpp 1 on CPU", 7, 5, 0.25, 3)
    assert usage_of(REQUEST, said) == Usage(*who, 7, 5, 0.25, "xllamacpp 1 on CPU", 3)
    assert usage_of(REQUEST, Response("x", "stop", fingerprint="fp_1")) == Usage(*who, 0, 0, None, "", 0)
    assert usage_of(REQUEST, Refusal("refused", "too long", 400)) == Usage(*who, 0, 0, 0.0, "", 0)
    assert usage_of(REQUEST, Failure("timeout", "no answer")) == Usage(*who, None, None, None, "", 0)


@pytest.mark.parametrize("section", ["annotators.NAME", "supervisor.model"])
def test_what_is_left_out_of_a_models_settings_is_as_the_page_says(section: str) -> None:
    own = {name: value for name, value in dataclasses.asdict(ModelSettings("here", "m")).items() if value != ()}
    own["stop"] = []
    said = {name: value for name, value in said_defaults(section).items() if name in own}
    assert said == {name: value for name, value in own.items() if name not in {"endpoint", "model"}}


def test_another_answer_is_asked_for_with_another_seed_and_annotators_that_differ_in_it_keep_apart() -> None:
    seeds = [dataclasses.replace(SETTINGS, seed=5, replica=number).sent_seed for number in (0, 1, 999, 1000, 2001)]
    assert seeds == [5, 5, 5, 6, 7]
    following = dataclasses.replace(REQUEST, settings=dataclasses.replace(SETTINGS, replica=3)).next_replica()
    assert following.settings.replica == 1003 and following.messages == REQUEST.messages


@pytest.mark.parametrize(
    ("text", "reason", "code", "detail"),
    [
        ("x", "length", "truncated", "cut off after 0 tokens"),
        ("x", "content_filter", "refused", "finish reason content_filter"),
        ("x", "refusal", "refused", "finish reason refusal"),
        (" \n", "stop", "empty", "no text"),
        ("", "reasoning", "empty", "no text but reasoning"),
    ],
)
def test_a_response_that_is_no_answer_says_why(text: str, reason: str, code: str, detail: str) -> None:
    assert Response(text, reason).failure == judged(Response(text, reason)) == Failure(code, detail)
    answer = Response("x", "reasoning")
    assert answer.failure is None and judged(answer) is answer
    assert judged(Refusal("too_long", "d", 413)) == Failure("too_long", "d")
    assert judged(Failure("timeout", "t")) == Failure("timeout", "t")
