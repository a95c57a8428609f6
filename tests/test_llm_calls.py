"""Calls over real HTTP through litellm, to a scripted server on loopback: what is kept, retried, refused, paced."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Project

from stages.contracts import Failure
from stages.errors import UserError
from stages.llm.ask import Asker
from stages.llm.endpoint import Endpoint
from stages.llm.fake.faults import Faults
from stages.llm.fake.server import ScriptedServer
from stages.llm.request import Message, ModelSettings, Request, Response
from stages.llm.store import ResponseStore

SETTINGS = ModelSettings("there", "scripted-careful", structured="json_schema")
SCHEMA = {
    "title": "entities",
    "type": "object",
    "properties": {
        "entities": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "type": {"type": "string", "enum": ["person", "place"]}},
                "required": ["text", "type"],
            },
        }
    },
    "required": ["entities"],
}


def requests(number: int, address: str) -> list[Request]:
    return [
        Request(
            address,
            SETTINGS,
            (Message("user", f"- person: a name\n- place: a place\n<document>\nAnn {n} met Bob in Rome\n</document>"),),
            SCHEMA,
        )
        for n in range(number)
    ]


def asker(folder: Path, server: ScriptedServer, **transport: object) -> Asker:
    endpoint = Endpoint("there", "hosted", api_base=server.base_url, concurrency=8, timeout_s=5)
    return Asker(ResponseStore(folder / "store.sqlite"), {"there": replace(endpoint, **transport)})  # type: ignore[arg-type]


def test_answers_are_kept_and_never_asked_for_again(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        first = asker(tmp_path, server)
        asked = requests(6, first.endpoint("there").address)
        outcomes = first.ask(asked, "test")
        assert all(isinstance(o, Response) and json.loads(o.text)["entities"] is not None for o in outcomes)
        assert server.requests == 6
        again = asker(tmp_path, server)
        assert again.ask(asked, "test") == outcomes
        assert server.requests == 6 and again.tally.found == 6 and again.tally.called == 0


def test_equal_requests_are_asked_once(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        one = asker(tmp_path, server)
        outcomes = one.ask(requests(1, one.endpoint("there").address) * 5, "test")
        assert server.requests == 1 and len(set(map(repr, outcomes))) == 1


def test_refusals_for_now_are_tried_again_within_the_attempts(tmp_path: Path) -> None:
    faults = Faults(rate_limit=0.3, server_error=0.2, reset=0.1, retry_after_s=0.01)
    with ScriptedServer(faults, seed=3) as server:
        one = asker(tmp_path, server, attempts=6)
        outcomes = one.ask(requests(12, one.endpoint("there").address), "test")
        assert 12 < server.requests <= 12 * 6
    with ScriptedServer(seed=3) as calm:
        two = asker(tmp_path / "calm", calm)
        # The same answers as without faults; the address is another, so nothing is shared.
        expected = two.ask(requests(12, two.endpoint("there").address), "test")
    answered = [(o, e) for o, e in zip(outcomes, expected, strict=True) if isinstance(o, Response)]
    assert len(answered) >= 10
    assert all(isinstance(e, Response) and o.text == e.text for o, e in answered)


def test_attempts_used_up_are_a_typed_failure_that_is_asked_again_next_time(tmp_path: Path) -> None:
    with ScriptedServer(Faults(server_error=1.0)) as server:
        one = asker(tmp_path, server, attempts=2)
        [outcome] = one.ask(requests(1, one.endpoint("there").address), "test")
        assert isinstance(outcome, Failure) and outcome.code == "unavailable" and "2 calls" in outcome.detail
        assert server.requests == 2
        one.ask(requests(1, one.endpoint("there").address), "test")
        assert server.requests == 4


@pytest.mark.parametrize(("fault", "code"), [("truncated", "truncated"), ("refusal", "refused"), ("empty", "empty")])
def test_what_is_no_answer_is_a_failure_and_never_stored_as_one(tmp_path: Path, fault: str, code: str) -> None:
    with ScriptedServer(Faults(**{fault: 1.0})) as server:
        one = asker(tmp_path, server)
        [request] = requests(1, one.endpoint("there").address)
        [outcome] = one.ask([request], "test")
        assert isinstance(outcome, Failure) and outcome.code == code
        assert one.store.get([request.key]) == {}


def test_a_wrong_key_stops_at_once_and_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "bad-key-12345")
    with ScriptedServer(Faults(bad_key="bad-key-12345")) as server:
        one = asker(tmp_path, server, key_env="SOME_KEY")
        with pytest.raises(UserError, match="check the key in SOME_KEY") as error:
            one.ask(requests(20, one.endpoint("there").address), "test")
        assert "bad-key-12345" not in str(error.value)
        assert server.requests <= 8


def test_an_unknown_model_stops_at_once(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        one = asker(tmp_path, server)
        [request] = requests(1, one.endpoint("there").address)
        with pytest.raises(UserError, match="model gpt-none"):
            one.ask([replace(request, settings=replace(SETTINGS, model="gpt-none"))], "test")


def test_a_budget_stops_before_the_call_that_could_break_it(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        one = asker(tmp_path, server, concurrency=1, prices={"scripted-careful": {"input": 1.0, "output": 100.0}})
        one.budget_usd = 0.213
        with pytest.raises(UserError, match=r"budget.usd: is 0.213.*raise the budget"):
            one.ask(requests(6, one.endpoint("there").address), "test")
        kept = len(list(one.store.rows()))
        assert kept == server.requests and 0 < kept < 6
        one.endpoints["there"].prices.clear()  # type: ignore[attr-defined]
        with pytest.raises(UserError, match="no price for scripted-careful"):
            one.ask(requests(6, one.endpoint("there").address), "test")
        assert server.requests == kept


def test_a_stage_served_from_the_store_imports_no_client_and_opens_no_connection(
    make_project: Callable[..., Project],
) -> None:
    project = make_project("conll2003")
    project.stage("corpus", "conll2003")
    words = ["conll2003", "--annotator", "scripted_careful", "--round", "0"]
    project.stage("annotate", *words)
    path = project.folder / "data/conll2003/rounds/r0/annotations/scripted_careful.jsonl"
    before = path.read_bytes()
    path.unlink()
    script = (
        "import sys, socket\n"
        "def refuse(*a, **k): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = socket.create_connection = refuse\n"
        "from stages.annotate import main\n"
        f"sys.argv = ['annotate', *{words!r}]\n"
        "main()\n"
        "heavy = {'litellm', 'datasets', 'pandas', 'sklearn', 'scipy', 'openai', 'httpx', 'polars', 'asyncio'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == before
