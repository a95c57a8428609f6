"""Dialects without a client: rubbish is turned down in the provider's form, other addresses are not there."""

from __future__ import annotations

import copy
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from diziner.scripted.dialects import DIALECTS, dialect_of, spoken
from diziner.scripted.faults import Faults
from diziner.scripted.habits import Served
from diziner.scripted.protocol import Reply, complete
from diziner.scripted.server import ScriptedServer

TEXT = "<document>\nAda went to Lisbon .\n</document>"
TURNS = [{"role": "system", "content": "Types: person"}, {"role": "user", "content": TEXT}]
FORM = {
    "type": "json_schema",
    "json_schema": {"name": "a", "strict": True, "schema": {"type": "string", "enum": ["a"]}},
}
CHAT = {"model": "m", "messages": TURNS, "response_format": FORM, "max_tokens": 90, "seed": 1, "temperature": 1}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", CHAT),
    "azure": ("/openai/deployments/m/chat/completions?api-version=1", CHAT),
    "openrouter": ("/api/v1/chat/completions", CHAT),
    "mistral": ("/v1/chat/completions", {**{k: v for k, v in CHAT.items() if k != "seed"}, "random_seed": 1}),
    "vllm": ("/v1/chat/completions", CHAT),
    "llama.cpp": ("/v1/chat/completions", CHAT),
    "anthropic": (
        "/v1/messages",
        {
            "model": "m",
            "max_tokens": 90,
            "system": [{"type": "text", "text": "Types: person"}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}]}],
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            "tools": [{"name": "t", "input_schema": SCHEMA}],
            "tool_choice": {"type": "tool", "name": "t"},
        },
    ),
    "gemini": (
        "/v1beta/models/m:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": TEXT}]}],
            "systemInstruction": {"parts": [{"text": "Types: person"}]},
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseJsonSchema": SCHEMA,
                "maxOutputTokens": 90,
                "seed": 1,
            },
        },
    ),
    "ollama": (
        "/api/chat",
        {"model": "m", "messages": TURNS, "stream": False, "format": SCHEMA, "options": {"num_predict": 90, "seed": 1}},
    ),
}
HEADERS = {"anthropic-version": "2023-06-01"}
ODD: list[Any] = [None, True, -1, 10**30, 1.5, "", "x", [], [None], [[]], {}, {"a": None}, [{"role": 1}], [{}]]


def say(name: str, body: Any, path: str = "", faults: Faults | None = None) -> Reply | None:
    dialect = dialect_of(name)
    assert dialect is not None

    def answer(plain: dict[str, Any], key: str) -> Reply:
        return complete(plain, key, 0, faults or Faults(), 0, served=Served(any_model=True))

    return spoken(dialect, path or BODIES[name][0], HEADERS, body, answer)


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one thing in it replaced or left out, for every place and every odd thing."""
    yield from ODD
    if isinstance(value, dict):
        for name, held in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            yield from ({**value, name: odd} for odd in spoiled(held))
    elif isinstance(value, list):
        for number, held in enumerate(value):
            yield from ([*value[:number], odd, *value[number + 1 :]] for odd in spoiled(held))


def test_there_is_a_body_for_every_dialect() -> None:
    assert set(BODIES) == set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_rubbish_is_turned_down_and_breaks_nothing(name: str) -> None:
    _, body = BODIES[name]
    sound = say(name, copy.deepcopy(body))
    assert sound is not None and sound.status == 200, sound
    statuses = set()
    for odd in spoiled(body):
        reply = say(name, odd)
        assert reply is not None
        json.dumps(reply.body, allow_nan=False)
        statuses.add(reply.status)
        assert (reply.status == 200) == ("error" not in (reply.body, *reply.body.values(), *reply.body))
    assert {200} < statuses <= {200, 400, 404, 422}


@pytest.mark.parametrize("name", DIALECTS)
def test_nothing_is_at_another_address(name: str) -> None:
    path, body = BODIES[name]
    for other in (
        "/",
        "/v1",
        f"/more{path}",
        path.upper(),
        path.partition("?")[0] if "?" in path else "/v1/completions",
    ):
        assert say(name, body, other) is None


def test_the_server_finds_the_dialect_in_the_address() -> None:
    def post(path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(server.base_url.split("/")[2], timeout=5)
        connection.request("POST", path, json.dumps(body), HEADERS)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    with ScriptedServer(served=Served(any_model=True)) as server:
        for name, (path, body) in BODIES.items():
            status, reply = post(f"/{name}{path}", body)
            assert status == 200, reply
            assert post(f"/{name}/elsewhere", body)[0] == 404
        assert server.requests == len(BODIES)
        assert post("/nobody/v1/chat/completions", CHAT)[0] == 404
        assert post("/v1/chat/completions", CHAT)[0] == 200


@pytest.mark.parametrize("fault", ["reasoned", "reasoned_out"])
def test_reasoning_is_counted_and_shown_where_the_provider_shows_it(fault: str) -> None:
    rates: dict[str, Any] = {fault: 1.0}
    shown = set()
    for name, (_, body) in BODIES.items():
        reply = say(name, body, faults=Faults(**rates))
        assert reply is not None and reply.status == 200
        if "word by word" in json.dumps(reply.body):
            shown.add(name)
    assert shown == set(DIALECTS) - {"openai", "azure", "gemini"}
