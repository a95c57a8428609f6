"""One document is one document: what a provider will not answer is a row, kept, and never the end of the others."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from annotating import annotate
from field_replies import GUIDELINE, outcome_of_refusal
from loopback import completion, listening, replying

from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.files import read_jsonl
from diziner.endpoints import Endpoint
from diziner.endpoints.refusals import concerns_all, refusal_in
from diziner.llm.ask import StoreAsker
from diziner.llm.ledger import reserved, spent
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape, write_tape
from diziner.prompting.request import ModelSettings, Refusal, Response
from diziner.records.annotations import Annotation
from diziner.records.documents import Document

BODIES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "refused_bodies.yaml").read_text("utf-8"))
NAMES = [f"{case['from']}, {case['status']}, {case['is']}, {n}" for n, case in enumerate(BODIES)]
ANSWER = '{"entities": [{"text": "Mara Lind", "type": "person"}]}'
LONG = {"error": {"message": "maximum context length is 4096 tokens", "code": "context_length_exceeded"}}
ODD = {"error": {"message": "'content' is not what it should be", "type": "invalid_request_error"}}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diziner.llm.lane._FIRST_WAIT_S", 0.01)


def documents(count: int, odd: set[int] = frozenset()) -> list[Document]:  # type: ignore[assignment]
    texts = [f"Mara Lind {'saw Quarndale' if n in odd else 'sings'} {n}" for n in range(count)]
    return [Document(f"d{n}", tuple(text.split()), text) for n, text in enumerate(texts)]


def door(folder: Path, base_url: str, again: bool = False, **more: Any) -> StoreAsker:
    endpoint = Endpoint("web", "hosted", api_base=base_url, **{"attempts": 2, "concurrency": 1, **more})
    return StoreAsker(ResponseStore(folder / "store.sqlite"), {"web": endpoint}, again=again)


def ask(asker: StoreAsker, texts: list[Document]) -> list[Annotation]:
    return annotate(texts, GUIDELINE, AnnotatorSettings("reader", ModelSettings("web", "m")), asker, "work")


def codes(rows: list[Annotation]) -> list[str]:
    return [row.failure.code if row.failure else "" for row in rows]


@pytest.mark.parametrize("case", BODIES, ids=NAMES)
def test_what_concerns_one_request_is_told_from_what_concerns_all(tmp_path: Path, case: dict[str, Any]) -> None:
    """Over HTTP: the first document is turned down, the second answered, unless the error is for all of them."""
    body = case["body"].encode() if isinstance(case["body"], str) else case["body"]
    with listening((case["status"], {}, body), (200, {}, completion(ANSWER))) as (base_url, bodies):
        asker = door(tmp_path, base_url)
        if case["is"] == "all":
            with pytest.raises(UserError, match="endpoint web, model m: ") as stopped:
                ask(asker, documents(2))
            assert "\n" not in str(stopped.value)
            assert len(bodies) == 1
            return
        rows = ask(asker, documents(2))
        assert codes(rows) == [case["is"], ""]
        assert len(bodies) == 2
        assert ask(door(tmp_path, base_url), documents(2)) == rows
        assert len(bodies) == 2
    [kept] = [reply for _, _, reply in asker.store.rows() if isinstance(reply, Refusal)]
    assert kept.code == case["is"] and kept.detail == rows[0].failure.detail  # type: ignore[union-attr]


def test_errors_of_other_kinds_are_no_refusals() -> None:
    for status, message in (
        (500, "Internal server error"),
        (503, "upstream connect error or disconnect before headers. reset reason: overflow"),
        (429, "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 4000"),
        (400, "Invalid schema for response_format: 'additionalProperties' is required"),
        (400, "Unsupported parameter: 'top_p' is not supported with this model."),
        (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens."),
    ):
        assert refusal_in(status, json.dumps({"error": {"message": message}})) is None, message
    assert refusal_in(400, "[" * 100_000) is None
    assert not concerns_all(400, json.dumps({"error": {"message": "Conversation roles must alternate"}}))


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(400, LONG, "too_long"), (403, {"error": {"message": "Your input was flagged by moderation"}}, "refused")],
)
def test_a_labelling_with_one_refused_document_ends_well_and_asks_it_once(status: int, body: Any, code: str) -> None:
    outcome = outcome_of_refusal(status, body)
    assert outcome["code"] == code
    assert "key" not in outcome["stderr"]


def test_a_refusal_that_nothing_explains_is_the_documents_once_others_are_answered(tmp_path: Path) -> None:
    with replying(lambda asked: (400, {}, ODD) if "Quarndale" in str(asked) else (200, {}, completion(ANSWER))) as (
        base_url,
        bodies,
    ):
        rows = ask(door(tmp_path, base_url), documents(6, {4}))
        assert codes(rows) == ["", "", "", "", "refused", ""]
        assert rows[4].failure is not None and rows[4].failure.detail == ODD["error"]["message"]
        assert ask(door(tmp_path, base_url), documents(6, {4})) == rows
        assert len(bodies) == 6


def test_if_the_first_three_calls_all_fail_the_run_stops_and_names_document_and_cause(tmp_path: Path) -> None:
    cases: list[tuple[int, Any, type[DizinerError], str]] = [
        (400, ODD, UserError, "document d0: refused, 'content' is not what it should be"),
        (400, LONG, UserError, "document d0: too_long, maximum context length is 4096 tokens"),
        (500, {}, ProviderError, "document d0: unavailable, "),
    ]
    for number, (status, body, kind, said) in enumerate(cases):
        with listening((status, {}, body)) as (base_url, bodies):
            asker = door(tmp_path / str(number), base_url)
            with pytest.raises(kind, match=re.escape(said)) as stopped:
                ask(asker, documents(10))
            assert "the first 3 calls all failed, so the run stops" in str(stopped.value)
            assert "\n" not in str(stopped.value)
            assert len(bodies) == 3 * (2 if status == 500 else 1)
        kept = 3 if body is LONG else 0
        assert len(list(asker.store.rows())) == kept
        assert ("none of them is asked again" in str(stopped.value)) == (kept > 0)


def test_a_run_that_stopped_at_refused_documents_goes_on_behind_them(tmp_path: Path) -> None:
    """What was explained is known by the next run: three texts that are too long are no dead end."""
    with replying(lambda asked: (400, {}, LONG) if "Quarndale" in str(asked) else (200, {}, completion(ANSWER))) as (
        base_url,
        bodies,
    ):
        with pytest.raises(UserError, match="none of them is asked again: run again to go on with the others"):
            ask(door(tmp_path, base_url), documents(10, {0, 1, 2}))
        assert codes(ask(door(tmp_path, base_url), documents(10, {0, 1, 2}))) == ["too_long"] * 3 + [""] * 7
        assert len(bodies) == 10


def test_after_an_answer_any_number_of_documents_may_be_refused(tmp_path: Path) -> None:
    odd = set(range(1, 30))
    with replying(lambda asked: (400, {}, LONG) if "Quarndale" in str(asked) else (200, {}, completion(ANSWER))) as (
        base_url,
        _,
    ):
        rows = ask(door(tmp_path, base_url), documents(31, odd))
    assert codes(rows) == ["", *["too_long"] * 29, ""]


def test_two_refused_documents_and_no_others_are_rows(tmp_path: Path) -> None:
    with listening((400, {}, ODD)) as (base_url, bodies):
        assert codes(ask(door(tmp_path, base_url), documents(2))) == ["refused", "refused"]
        # Nothing says that it is their fault: they are asked again.
        ask(door(tmp_path, base_url), documents(2))
        assert len(bodies) == 4


def test_again_asks_the_next_replica_and_its_answer_stays(tmp_path: Path) -> None:
    """Of a refusal and of an answer that cannot be read: asked anew only with `again`, then never."""
    unread = completion("I see Mara Lind.")
    with listening((400, {}, LONG), (200, {}, unread), (200, {}, unread), (200, {}, completion(ANSWER))) as (
        url,
        bodies,
    ):
        first = ask(door(tmp_path, url), documents(2))
        assert codes(first) == ["too_long", "unparsable"]
        assert len(bodies) == 3  # with a repair turn
        assert ask(door(tmp_path, url), documents(2)) == first
        assert len(bodies) == 3
        second = ask(door(tmp_path, url, again=True), documents(2))
        assert codes(second) == ["", ""]
        assert len(bodies) == 5
        assert bodies[3]["seed"] != bodies[0].get("seed", 0)  # another answer, not the same one
        for asker in (door(tmp_path, url), door(tmp_path, url, again=True)):
            assert ask(asker, documents(2)) == second
        assert len(bodies) == 5
        assert [len(row.responses) for row in second] == [2, 3]
        assert all(row.responses[0] == before.responses[0] for row, before in zip(second, first, strict=True))


def test_again_that_helps_nothing_leaves_the_first_failure_and_asks_one_more_replica_a_run(tmp_path: Path) -> None:
    with listening((400, {}, LONG)) as (url, bodies):
        for run in itertools.count():
            [row] = ask(door(tmp_path, url, again=run > 0), documents(1))
            assert codes([row]) == ["too_long"]
            assert len(bodies) == run + 1 == len(row.responses)
            if run == 3:
                break


def test_annotators_that_differ_in_replica_do_not_take_each_others_answers(tmp_path: Path) -> None:
    [document] = documents(1)
    with listening((200, {}, completion("no"))) as (url, _):
        asker = door(tmp_path, url)
        for replica, text in ((0, "nothing to read"), (1, ANSWER)):
            settings = AnnotatorSettings("reader", ModelSettings("web", "m", replica=replica))
            [request] = requests_for([document], GUIDELINE, settings, asker)
            asker.store.put(request, Response(text, "stop"))
        assert codes(ask(asker, [document])) == ["unparsable"]


def test_a_refusal_goes_to_a_tape_and_is_replayed_as_one(tmp_path: Path) -> None:
    with listening((400, {}, LONG), (200, {}, completion(ANSWER))) as (url, _):
        asker = door(tmp_path, url)
        rows = ask(asker, documents(2))
    tape = tmp_path / "tape.jsonl"
    write_tape(tape, {}, asker.store.rows())
    assert read_tape(tape) == list(asker.store.rows())
    assert sum("refusal" in line for line in read_jsonl(tape)) == 1
    replay = door(tmp_path / "elsewhere", url)
    replay.tape = tape
    assert ask(replay, documents(2)) == rows
    assert replay.tally.called == 0
    other = ResponseStore(tmp_path / "other.sqlite")
    assert other.put_rows(read_tape(tape)) == 2
    assert list(other.rows()) == list(asker.store.rows())


def test_an_answer_takes_the_place_of_a_refusal_and_never_the_other_way(tmp_path: Path) -> None:
    asker = door(tmp_path, "http://127.0.0.1:9/v1")
    settings = AnnotatorSettings("reader", ModelSettings("web", "m"))
    [request] = requests_for(documents(1), GUIDELINE, settings, asker)
    cut, refusal, answer = Response("{", "length"), Refusal("too_long", "no", 400), Response("{}", "stop")
    for reply, found in ((cut, None), (refusal, refusal), (cut, refusal), (answer, answer), (refusal, answer)):
        asker.store.put(request, reply)
        assert asker.store.get([request.key]).get(request.key) == found


def test_a_refusal_costs_nothing_and_leaves_no_money_aside(tmp_path: Path) -> None:
    with listening((400, {}, LONG)) as (url, _):
        asker = door(tmp_path, url, prices={"m": {"input": 1.0, "output": 1.0}})
        asker.budget_usd = 1.0
        ask(asker, documents(1))
    assert asker.store.apply([spent, reserved]) == [0, 0]
