"""The scripted server over real sockets: the protocol, each fault, and many clients at once."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from diziner.common.errors import UserError
from diziner.scripted.brain import answer
from diziner.scripted.faults import INVENTED, KINDS, Faults
from diziner.scripted.habits import Served
from diziner.scripted.server import ScriptedServer, main

TYPES = ["person", "location"]
ENTITY = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "type": {"enum": TYPES}},
    "required": ["text", "type"],
}
SCHEMA = {
    "title": "entities",
    "type": "object",
    "properties": {"entities": {"type": "array", "items": ENTITY}},
    "required": ["entities"],
}
TEXT = "Ada Lovelace went from Lisbon to Port Said ."


def body(text: str = TEXT, model: str = "scripted-eager", **more: Any) -> dict[str, Any]:
    rule = '<instructions>\nLabel "Lisbon" as location.\n</instructions>'
    return {
        "model": model,
        "messages": [{"role": "user", "content": f"{rule}\n<document>\n{text}\n</document>"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "entities", "schema": SCHEMA}},
        **more,
    }


class Client:
    """One connection, kept alive."""

    def __init__(self, server: ScriptedServer, timeout: float = 5.0) -> None:
        host = server.base_url.removeprefix("http://").removesuffix("/v1")
        self.connection = http.client.HTTPConnection(host, timeout=timeout)

    def ask(self, value: Any, key: str = "any", path: str = "/v1/chat/completions") -> tuple[int, Any, Any]:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.connection.request("POST", path, data, {"Authorization": f"Bearer {key}"})
        response = self.connection.getresponse()
        return response.status, response.headers, json.loads(response.read())

    def content(self, value: dict[str, Any]) -> tuple[str | None, str]:
        status, _, reply = self.ask(value)
        assert status == 200
        choice = reply["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def test_a_completion_has_the_protocols_form(server: ScriptedServer) -> None:
    status, headers, reply = Client(server).ask(body())
    expected = answer(body()["messages"], "scripted-eager", 0, SCHEMA)
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert reply["object"] == "chat.completion"
    assert reply["model"] == "scripted-eager"
    assert reply["system_fingerprint"] == "scripted-0"
    assert reply["choices"][0]["message"] == {"role": "assistant", "content": expected, "refusal": None}
    assert reply["choices"][0]["finish_reason"] == "stop"
    usage = reply["usage"]
    assert usage["completion_tokens"] == -(-len(expected) // 4)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_one_connection_serves_many_requests_with_equal_bytes(server: ScriptedServer) -> None:
    client = Client(server)
    replies = [client.ask(body()) for _ in range(3)]
    socket = client.connection.sock
    assert [reply for _, _, reply in replies] == [replies[0][2]] * 3
    assert client.ask(body("Grace left ."))[0] == 200
    assert client.connection.sock is socket
    assert server.requests == 4


def test_the_requests_seed_and_the_servers_seed_count(server: ScriptedServer) -> None:
    text = "Jonas Meyer , Pia Holm , Lars Beck , Ines Faro and Timo Rask met Otto Vik and Nora Dahl ."
    with ScriptedServer(seed=4) as other:
        here = Client(server).content(body(text, seed=4))
        assert Client(other).content(body(text)) == here
    assert Client(server).content(body(text)) != here


def test_parts_of_content_are_joined(server: ScriptedServer) -> None:
    parted = body()
    content = parted["messages"][0]["content"]
    parted["messages"][0]["content"] = [{"type": "text", "text": content[:40]}, {"type": "text", "text": content[40:]}]
    assert Client(server).content(parted) == Client(server).content(body())


def test_a_token_limit_cuts_the_answer(server: ScriptedServer) -> None:
    whole, _ = Client(server).content(body())
    cut, reason = Client(server).content(body(max_tokens=3))
    assert (cut, reason) == ((whole or "")[:12], "length")


def test_models_are_listed_and_unknown_addresses_are_not_found(server: ScriptedServer) -> None:
    client = Client(server)
    client.connection.request("GET", "/v1/models")
    names = [row["id"] for row in json.loads(client.connection.getresponse().read())["data"]]
    assert "scripted-careful" in names
    assert client.ask(body(), path="/v1/embeddings")[0] == 404


def test_any_models_name_is_answered_by_a_stand_in_of_its_own_save_one_that_is_gone() -> None:
    """As the whole of a real profile is rehearsed: real names, of which one has been withdrawn."""
    names = ("openai/gpt-oss-20b", "qwen/qwen3-14b", "microsoft/phi-4", "gpt-5-mini-2025-08-07")
    text = " , ".join(f"{first} {last}" for first in ("Ada", "Jonas", "Pia") for last in ("Holm", "Rask", "Vik"))
    with ScriptedServer(served=Served(any_model=True, gone=frozenset({"google/gemma-3-12b-it"}))) as server:
        client = Client(server)
        replies = [client.ask(body(text, model=name)) for name in names]
        assert [(status, reply["model"]) for status, _, reply in replies] == [(200, name) for name in names]
        # Whoever looks at an answer sees that no such model gave it.
        assert {reply["system_fingerprint"] for _, _, reply in replies} == {"scripted-0"}
        assert len({reply["choices"][0]["message"]["content"] for _, _, reply in replies}) == len(names)
        assert client.ask(body(text, model=names[0]))[2] == replies[0][2]
        assert client.ask(body(text))[0] == 200
        status, _, reply = client.ask(body(text, model="google/gemma-3-12b-it"))
        assert (status, reply["error"]["code"]) == (404, "model_not_found")
        assert client.ask(body(text, model="scripted-nobody"))[0] == 404


@pytest.mark.parametrize(
    ("request_body", "status", "message"),
    [
        (body(model="gpt-4o"), 404, "no scripted model"),
        (body(stream=True), 400, "do not stream"),
        (body(n=2), 400, "one choice"),
        (body(seed="x"), 400, "seed"),
        (body(response_format={"type": "json_schema"}), 400, "schema"),
        ({"model": "scripted-shy", "messages": []}, 400, "messages"),
        ({"model": "scripted-shy", "messages": [{"content": "x"}]}, 400, "role"),
        ({"model": "scripted-shy", "messages": [{"role": "user", "content": 3}]}, 400, "content"),
        ({"model": "scripted-shy", "messages": [{"role": "user", "content": "Hi"}]}, 400, "<document>"),
        (b"{not json", 400, "JSON object"),
        (b"[1]", 400, "JSON object"),
    ],
)
def test_faulty_requests_get_an_error_object(
    server: ScriptedServer, request_body: Any, status: int, message: str
) -> None:
    client = Client(server)
    given, _, reply = client.ask(request_body)
    assert given == status
    assert message in reply["error"]["message"]
    assert client.ask(body())[0] == 200


def test_a_bad_key_is_refused_always() -> None:
    with ScriptedServer(Faults(bad_key="stolen", rate_limit=1.0)) as server:
        status, _, reply = Client(server).ask(body(), key="stolen")
        assert (status, reply["error"]["code"]) == (401, "invalid_api_key")
        assert Client(server).ask(body(), key="good")[0] == 429


def test_failed_exchanges() -> None:
    with ScriptedServer(Faults(rate_limit=1.0, retry_after_s=2.5)) as server:
        status, headers, reply = Client(server).ask(body())
        assert (status, headers["Retry-After"]) == (429, "2.5")
        assert reply["error"]["type"] == "rate_limit_error"
    with ScriptedServer(Faults(rate_limit_bare=1.0)) as server:
        status, headers, _ = Client(server).ask(body())
        assert (status, headers["Retry-After"]) == (429, None)
    with ScriptedServer(Faults(server_error=1.0)) as server:
        assert Client(server).ask(body())[0] == 500


def test_a_reset_comes_in_mid_body_and_the_next_connection_works() -> None:
    with ScriptedServer(Faults(reset=0.5)) as server:
        outcomes = set()
        for number in range(12):
            try:
                outcomes.add(Client(server).ask(body(f"Ada saw {number} ships ."))[0])
            except (ConnectionResetError, http.client.IncompleteRead):
                outcomes.add(0)
        assert outcomes == {0, 200}


def test_a_hang_outlasts_an_impatient_client_and_does_not_hold_up_the_end() -> None:
    started = time.monotonic()
    with ScriptedServer(Faults(hang=1.0, hang_s=60.0)) as server, pytest.raises(TimeoutError):
        Client(server, timeout=0.2).ask(body())
    with ScriptedServer(Faults(hang=1.0, hang_s=0.3)) as server:
        asked = time.monotonic()
        assert Client(server).content(body())[1] == "stop"
        assert time.monotonic() - asked >= 0.3
    assert time.monotonic() - started < 5


def test_spoiled_answers() -> None:
    sound = answer(body()["messages"], "scripted-eager", 0, SCHEMA)
    spoiled = {}
    for kind in ("truncated", "prose", "think", "wrong_types", "invented", "empty", "refusal"):
        rates: dict[str, Any] = {kind: 1.0}
        with ScriptedServer(Faults(**rates)) as server:
            spoiled[kind] = Client(server).content(body())
    cut, reason = spoiled["truncated"]
    assert reason == "length"
    assert cut
    assert sound.startswith(cut)
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut)
    for kind in ("prose", "think"):
        text = spoiled[kind][0] or ""
        assert sound in text
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
    assert not isinstance(json.loads(spoiled["wrong_types"][0] or "")["entities"], list)
    invented = json.loads(spoiled["invented"][0] or "")["entities"]
    assert INVENTED in {entity["text"] for entity in invented}
    assert INVENTED not in TEXT
    assert spoiled["empty"] == ("", "stop")
    assert spoiled["refusal"] == (None, "stop")
    assert {kind for kind, (text, _) in spoiled.items() if text == sound} == set()


def test_faults_strike_by_body_and_attempt_and_at_their_rates() -> None:
    faults = Faults(rate_limit=0.2, truncated=0.1)
    fates = [faults.strike(1, f"body {number}", 0) for number in range(4000)]
    assert fates == [faults.strike(1, f"body {number}", 0) for number in range(4000)]
    assert 0.17 < fates.count("rate_limit") / 4000 < 0.23
    assert 0.08 < fates.count("truncated") / 4000 < 0.12
    assert set(fates) == {"rate_limit", "truncated", None}
    assert len({faults.strike(1, "one body", attempt) for attempt in range(50)}) == 3
    assert {Faults().strike(seed, "b", 0) for seed in range(50)} == {None}


def test_the_same_requests_meet_the_same_fates_in_any_order() -> None:
    faults = Faults(rate_limit=0.3, server_error=0.3)
    texts = [f"Ada saw {number} ships ." for number in range(20)] * 2
    with ScriptedServer(faults, seed=2) as one, ScriptedServer(faults, seed=2) as two:
        first = [(text, Client(one).ask(body(text))[0]) for text in texts]
        second = [(text, Client(two).ask(body(text))[0]) for text in reversed(texts)]
    assert sorted(first) == sorted(second)
    assert {status for _, status in first} == {200, 429, 500}


def test_latency_of_many_clients_overlaps() -> None:
    with ScriptedServer(latency_s=0.3) as server:
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            statuses = list(pool.map(lambda n: Client(server).ask(body(f"Ada {n} ."))[0], range(32)))
        assert statuses == [200] * 32
        assert 0.3 <= time.monotonic() - started < 3.0
        assert server.requests == 32


def test_rates_are_checked() -> None:
    with pytest.raises(UserError, match=r"fault hang: rate 1\.5"):
        Faults(hang=1.5)
    with pytest.raises(UserError, match=r"add up to 1\.2"):
        Faults(hang=0.6, reset=0.6)
    with pytest.raises(UserError, match="no such fault; allowed: rate_limit"):
        main(["--fault", "earthquake=1"])
    with pytest.raises(UserError, match="hang=RATE: is often"):
        main(["--fault", "hang=often"])
    assert "hang" in KINDS
    assert "hang_s" not in KINDS


def test_a_port_in_use_is_reported(server: ScriptedServer) -> None:
    port = int(server.base_url.split(":")[2].split("/")[0])
    with pytest.raises(UserError, match=f"port {port} of 127"):
        ScriptedServer(port=port)


def test_the_command_serves_until_interrupted() -> None:
    code = "from diziner.scripted.server import main; main(['--fault', 'server_error=1'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"scripted models at http://(127\.0\.0\.1:\d+)/v1\n", line)
        assert match
        connection = http.client.HTTPConnection(match[1], timeout=5)
        connection.request("POST", "/v1/chat/completions", json.dumps(body()))
        assert connection.getresponse().status == 500
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0


def test_litellm_is_served() -> None:
    code = """
import json, sys
import litellm
body, base = json.load(sys.stdin)
reply = litellm.completion(api_base=base, api_key="any", custom_llm_provider="openai", max_retries=0, **body)
sys.stdout.write(reply.choices[0].message.content + "\\n" + reply.choices[0].finish_reason)
"""
    with ScriptedServer() as server:
        # In a process of its own: the import is slow to undo, and reads its settings from the environment.
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps([body(), server.base_url]),
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            capture_output=True,
            text=True,
        )
        assert done.stdout.split("\n") == [answer(body()["messages"], "scripted-eager", 0, SCHEMA), "stop"], done.stderr
