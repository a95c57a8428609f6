"""Files that give texts and characters: the same tokens in all, cut where any span begins or ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diziner.commands.score import scored
from diziner.standalone.common_tokens import with_common_tokens
from diziner.standalone.files import LabelledFile, read_plain, read_texts

TEXT = "서울에 d'Aumale Greenland"


def plain(folder: Path, name: str, *rows: dict[str, Any]) -> LabelledFile:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_plain(path)


def f1(gold: LabelledFile, predicted: LabelledFile) -> float:
    value = scored([gold, predicted], None, ("strict",), False, 10, 1)
    assert value["scored"] == "spans of tokens"
    return float(value["predictions"][0]["protocols"]["strict"]["f1"])


def test_texts_are_cut_where_gold_asks(tmp_path: Path) -> None:
    gold = plain(tmp_path, "g.jsonl", {"id": "a", "text": TEXT, "spans": [[0, 2, "LOC"], [6, 12, "PER"]]})
    assert gold.documents is not None
    assert gold.documents["a"].tokens == ("서울", "에", "d", "'", "Aumale", "Greenland")
    assert [(span.start, span.end) for span in gold.annotations[0].spans] == [(0, 1), (4, 5)]
    assert gold.own_tokens == {"a"}


@pytest.mark.parametrize(
    ("answered", "right"),
    [
        ([[0, 2, "LOC"], [18, 22, "LOC"]], 1.0),
        ([[0, 3, "LOC"], [13, 22, "LOC"]], 0.0),  # other characters are other spans
        ([[0, 2, "LOC"], [13, 22, "LOC"]], 0.5),
    ],
)
def test_a_span_is_right_if_its_characters_are(tmp_path: Path, answered: list[list[Any]], right: float) -> None:
    gold = plain(tmp_path, "g.jsonl", {"id": "a", "text": TEXT, "spans": [[0, 2, "LOC"], [18, 22, "LOC"]]})
    assert f1(gold, plain(tmp_path, "p.jsonl", {"id": "a", "text": TEXT, "spans": answered})) == right


def test_white_space_may_differ(tmp_path: Path) -> None:
    gold = plain(tmp_path, "g.jsonl", {"id": "a", "text": "Ann  d'Aumale", "spans": [[7, 13, "PER"]]})
    assert f1(gold, plain(tmp_path, "p.jsonl", {"id": "a", "text": "Ann d'Aumale", "spans": [[6, 12, "PER"]]})) == 1.0


def test_tokens_that_are_given_hold_and_what_they_widen_is_counted(tmp_path: Path) -> None:
    tokens = ["duc", "d'Aumale", "came"]
    gold = plain(tmp_path, "g.jsonl", {"id": "a", "text": "duc d'Aumale came", "spans": [[6, 12, "PER"]]})
    given = plain(tmp_path, "p.jsonl", {"id": "a", "tokens": tokens, "spans": [[1, 2, "PER"]]})
    value = scored([gold, given], None, ("strict",), False, 10, 1)
    assert value["predictions"][0]["protocols"]["strict"]["f1"] == 1.0
    shown = {"id": "a", "type": "PER", "text": "Aumale", "tokens": "d'Aumale"}
    assert value["gold"]["widened"] == {"count": 1, "examples": [shown]}
    assert value["predictions"][0]["widened"] == {"count": 0, "examples": []}


def test_labelled_rows_with_our_tokens_are_cut_by_their_characters(tmp_path: Path) -> None:
    gold = plain(tmp_path, "g.jsonl", {"id": "a", "text": "서울에 갔다", "spans": [[0, 2, "LOC"]]})
    row = {"id": "a", "text": "서울에 갔다", "tokens": ["서울에", "갔다"], "spans": [[0, 1, "LOC"]]}
    assert f1(gold, plain(tmp_path, "p.jsonl", {**row, "characters": [[0, 2]]})) == 1.0
    assert f1(gold, plain(tmp_path, "q.jsonl", row)) == 0.0


def test_files_of_spans_alone_and_of_texts_follow(tmp_path: Path) -> None:
    gold = plain(tmp_path, "g.jsonl", {"id": "a", "text": "서울에 갔다", "spans": [[0, 2, "LOC"]]})
    spans = plain(tmp_path, "p.jsonl", {"id": "a", "spans": [[1, 2, "LOC"]]})
    (tmp_path / "t.jsonl").write_text(json.dumps({"id": "a", "text": "서울에 갔다"}) + "\n", encoding="utf-8")
    [first, second], texts = with_common_tokens([gold, spans], (tmp_path / "t.jsonl", read_texts(tmp_path / "t.jsonl")))
    assert texts is not None and first.documents is not None
    assert texts[1]["a"].tokens == first.documents["a"].tokens == ("서울", "에", "갔다")
    assert [(span.start, span.end) for span in second.annotations[0].spans] == [(2, 3)]


def test_documents_that_differ_are_left_as_they_are(tmp_path: Path) -> None:
    gold = plain(tmp_path, "g.jsonl", {"id": "a", "text": "서울에", "spans": [[0, 2, "LOC"]]})
    other = plain(tmp_path, "p.jsonl", {"id": "a", "text": "서울은", "spans": [[0, 2, "LOC"]]})
    assert with_common_tokens([gold, other])[0] == [gold, other]
