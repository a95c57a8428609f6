"""Tapes: written and read back whole, the same rows always the same bytes, and edits found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.common.files import write_jsonl
from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.rows import compact, rekey, row_digest
from diziner.llm.store import ResponseStore
from diziner.llm.tape import TapeRow, convert, provenance_of, read_tape, write_export, write_tape
from diziner.prompting.request import Message, ModelSettings, Refusal, Request, Response, judged
from diziner.records.annotations import Failure

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TURNS = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXTS), max_size=4)


def row(turns: list[tuple[str, str]], answer: str = "{}", reason: str = "stop") -> TapeRow:
    request = Request("local", ModelSettings("local", "m"), tuple(Message(*turn) for turn in turns))
    return request.key, request.canonical(), Response(answer, reason, "m", "fp", 3, 1, None)


@settings(max_examples=40)
@given(st.lists(st.tuples(TURNS, TEXTS), max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, turns: list[Any]) -> None:
    rows = list({r[0]: r for r in (row(*t) for t in turns)}.values())
    path = tmp_path_factory.mktemp("tape") / "tape.jsonl"
    write_tape(path, {"recorded": "2026-01-01"}, rows)
    assert read_tape(path) == sorted(rows, key=lambda r: r[0])
    before = path.read_bytes()
    write_tape(path, {"recorded": "2026-01-01"}, reversed(rows))
    assert path.read_bytes() == before


def test_a_text_that_several_requests_share_is_kept_once(tmp_path: Path) -> None:
    guideline = "Mark every mention. " * 100
    write_tape(tmp_path / "tape", {}, [row([("system", guideline), ("user", f"d{n}")]) for n in range(20)])
    assert (tmp_path / "tape").read_text().count("Mark every mention. Mark") < 100


def edited(path: Path, change: Any) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (lambda lines: lines.pop(0), 1, "not a tape"),
        (lambda lines: lines[0].update(tape=1), 1, "of an earlier format of tapes: run `diziner responses convert"),
        (lambda lines: lines[0].update(tape=3), 1, "made by a newer version"),
        (lambda lines: lines[0].update(tape=True), 1, "not a tape"),
        (lambda lines: lines[0].update(models={}), 1, "the first line, or the rows as a whole, are not as they were"),
        (lambda lines: lines[0].update(rows=3), 1, "3 rows written, 2 there"),
        (lambda lines: lines[0].pop("digest"), 1, "must have rows, a number, and digest"),
        (lambda lines: lines[1].update(content="Edited."), 2, "does not fit the name of the part"),
        (lambda lines: lines[1].update(content=7), 2, "a part must have a content"),
        (lambda lines: lines.pop(1), 2, "KEY: not a row of this tape"),
        (lambda lines: lines.pop(2), 1, "2 rows written, 1 there: cut, or rows are missing"),
        (lambda lines: lines.insert(1, {"part": "e3b0c44298fc1c14", "content": ""}), 1, "the rows as a whole"),
        (lambda lines: lines.insert(3, lines[2]), 4, "KEY: not a row of this tape: doubled"),
        (lambda lines: lines.append(other_answer(lines[2])), 5, "KEY: not a row of this tape: out of order"),
        (lambda lines: lines.insert(3, other_answer(lines[2])), 4, "KEY: not a row of this tape: doubled"),
        (lambda lines: lines.reverse() or lines.insert(0, lines.pop()), 2, "not a row of this tape"),
        (lambda lines: lines[2]["request"].update(seed=4), 3, "KEY: not a row of this tape: the key does not fit"),
        (lambda lines: lines[2]["request"].update(seed=float("nan")), 3, "cannot be written as JSON"),
        (lambda lines: lines[2]["response"].update(text="{ }"), 3, "KEY: not a row of this tape: its digest"),
        (lambda lines: lines[2]["provenance"].update(model="n"), 3, "its digest is another"),
        (lambda lines: lines[2]["usage"].update(cached_tokens=1), 3, "its digest is another"),
        (lambda lines: lines[2]["usage"].update(cost_usd=float("nan")), 3, "cost_usd must be null or a number from 0"),
        (lambda lines: lines[2]["usage"].update(prompt_tokens=-1), 3, "prompt_tokens must be a whole number from 0"),
        (lambda lines: lines[2]["response"].update(shoe_size=4), 3, "response must have exactly finish_reason, text"),
        (lambda lines: lines[2]["response"].update(text=None), 3, "text must be text"),
        (lambda lines: lines[2].pop("response"), 3, "has provenance, usage in place of"),
        (lambda lines: lines[2].update(refusal={}), 3, "a refusal stands alone"),
        (lambda lines: lines[2].pop("digest"), 3, "its digest is another"),
        (lambda lines: lines.__setitem__(2, 7), 3, "not an object"),
        (lambda lines: lines.__setitem__(2, []), 3, "not an object"),
    ],
)
def test_a_broken_tape_is_refused_with_line_and_key(tmp_path: Path, change: Any, where: int, what: str) -> None:
    path = tmp_path / "tape.jsonl"
    write_tape(path, {"models": {"m": 1}}, [row([("system", "Mark."), ("user", text)]) for text in ("a", "b")])
    first = min(row([("system", "Mark."), ("user", text)])[0] for text in ("a", "b"))
    edited(path, change)
    with pytest.raises(UserError) as error:
        read_tape(path)
    assert str(error.value).startswith(f"{path}:{where}: ")
    assert what.replace("KEY", first[:12]) in str(error.value)


def other_answer(line: dict[str, Any]) -> dict[str, Any]:
    """The row with another answer, and a digest that fits."""
    line = {**line, "response": {**line["response"], "text": "other"}}
    reply = {name: line[name] for name in ("response", "usage", "provenance")}
    return {**line, "digest": row_digest(line["key"], compact(reply))}


def test_half_a_tape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    write_tape(path, {}, [row([("user", "a")])])
    path.write_text(path.read_text()[:-30])
    with pytest.raises(UserError, match=r"tape\.jsonl:2: \w{12}: not a row .*: not JSON.* \(the file was cut\)"):
        read_tape(path)


def test_half_an_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl.zst"
    rows = sorted(row([("user", f"d{n}")]) for n in range(400))
    assert write_export(path, {}, lambda: rows) == 400
    assert read_tape(path) == rows
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="it was cut or damaged"):
        read_tape(path)


def test_a_refusal_is_written_and_read_back(tmp_path: Path) -> None:
    key, request, _ = row([("user", "a")])
    rows = [(key, request, Refusal("too_long", "9000 tokens, at most 8192", 400))]
    write_tape(tmp_path / "tape", {}, rows)
    assert read_tape(tmp_path / "tape") == rows
    asker = StoreAsker(ResponseStore(tmp_path / "store"), {}, tape=tmp_path / "tape")
    asked = Request("local", ModelSettings("local", "m"), (Message("user", "a"),))
    assert [judged(found) for found in asker.ask([asked], "test")] == [Failure("too_long", "9000 tokens, at most 8192")]


def earlier(path: Path, rows: list[TapeRow]) -> None:
    """A tape as it was written before there were digests."""
    lines: list[dict[str, Any]] = [{"tape": 1, "recorded": "2026-01-01"}]
    for key, request, reply in rows:
        assert isinstance(reply, Response)
        response = asdict(reply)
        del response["cached_tokens"]
        lines.append({"key": key, "request": request, "response": response})
    write_jsonl(path, lines)


def test_an_earlier_tape_is_converted_and_till_then_not_replayed(tmp_path: Path) -> None:
    path, rows = tmp_path / "tape.jsonl", sorted(row([("user", f"d{n}")]) for n in range(3))
    earlier(path, rows)
    with pytest.raises(
        UserError, match=r"tape\.jsonl:1: of an earlier format of tapes: run `diziner responses convert"
    ):
        read_tape(path)
    assert read_tape(path, earlier=True) == rows
    assert convert(path)
    assert read_tape(path) == rows
    assert provenance_of(path) == {"recorded": "2026-01-01"}
    before = path.read_bytes()
    assert not convert(path)
    assert path.read_bytes() == before


def test_an_earlier_tape_that_was_edited_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    earlier(path, [row([("user", "a")])])
    edited(path, lambda lines: lines[1]["request"].update(seed=1))
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"tape\.jsonl:2: \w{12}: not a row of this tape: the key does not fit"):
        convert(path)
    assert path.read_bytes() == before


def test_rows_of_another_schema_are_found_under_its_key(tmp_path: Path) -> None:
    def typed(schema: Mapping[str, Any] | None) -> Request:
        return Request("hosted", ModelSettings("here", "m"), (Message("user", "a"),), schema)

    old, new = typed({"enum": ["a"]}), typed({"enum": ["a"], "type": "string"})
    answer = Response("{}", "stop")
    rows = rekey([(old.key, old.canonical(), answer)], lambda request: {**request["schema"], "type": "string"})
    write_tape(tmp_path / "tape", {}, rows)
    assert read_tape(tmp_path / "tape") == [(new.key, new.canonical(), answer)]


def test_a_replay_needs_no_model_and_keeps_failures_failures(tmp_path: Path) -> None:
    request = Request("hosted", ModelSettings("here", "m"), (Message("user", "a"),))
    cut = Request("hosted", ModelSettings("here", "m"), (Message("user", "b"),))
    answer = Response("{}", "stop")
    rows = [(request.key, request.canonical(), answer), (cut.key, cut.canonical(), Response("{", "length"))]
    write_tape(tmp_path / "tape", {}, rows)
    # An endpoint that cannot be reached, with a key that is not set.
    endpoint = Endpoint("here", "hosted", api_base="http://127.0.0.1:9/v1", key_env="NO_SUCH_KEY")
    asker = StoreAsker(ResponseStore(tmp_path / "store"), {"here": endpoint}, tape=tmp_path / "tape")
    assert [judged(outcome) for outcome in asker.ask([request, cut, request], "test")] == [
        answer,
        Failure("truncated", "cut off after 0 tokens"),
        answer,
    ]
    assert (asker.tally.asked, asker.tally.found, asker.tally.called) == (3, 3, 0)
    assert not (tmp_path / "store").exists()


def test_the_store_comes_before_the_tape(tmp_path: Path) -> None:
    key, canonical, _ = row([("user", "a")])
    request = Request("local", ModelSettings("local", "m"), (Message("user", "a"),))
    write_tape(tmp_path / "tape", {}, [(key, canonical, Response("from the tape", "stop"))])
    asker = StoreAsker(ResponseStore(tmp_path / "store"), {}, tape=tmp_path / "tape")
    asker.store.put(request, Response("from the store", "stop"))
    assert asker.ask([request], "test") == [Response("from the store", "stop")]
