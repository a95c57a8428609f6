"""Tapes: written and read back whole, the same rows always the same bytes, and edits found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.llm.tape import TapeRow, read_tape, write_tape
from diziner.prompting.request import Message, ModelSettings, Request, Response, judged
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
        (lambda lines: lines[0].update(tape=2), 1, "not a tape"),
        (lambda lines: lines[1].update(content="Edited."), 2, "does not fit the name of the part"),
        (lambda lines: lines.pop(1), 2, "not a tape row"),
        (lambda lines: lines[2]["request"].update(seed=4), 3, "the row was edited"),
        (lambda lines: lines[2]["response"].update(shoe_size=4), 3, "shoe_size"),
        (lambda lines: lines[2]["response"].update(text=None), 3, "must be strings"),
        (lambda lines: lines[2].pop("response"), 3, "'response'"),
        (lambda lines: lines.__setitem__(2, 7), 3, "not a tape row"),
        (lambda lines: lines.__setitem__(2, []), 3, "not a tape row"),
    ],
)
def test_a_broken_tape_is_refused_with_the_line(tmp_path: Path, change: Any, where: int, what: str) -> None:
    path = tmp_path / "tape.jsonl"
    write_tape(path, {}, [row([("system", "Mark."), ("user", text)]) for text in ("a", "b")])
    edited(path, change)
    with pytest.raises(UserError) as error:
        read_tape(path)
    assert str(error.value).startswith(f"{path}:{where}: ")
    assert what in str(error.value)


def test_half_a_tape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    write_tape(path, {}, [row([("user", "a")])])
    path.write_text(path.read_text()[:-30])
    with pytest.raises(UserError, match=r"tape\.jsonl:2: not JSON"):
        read_tape(path)


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
