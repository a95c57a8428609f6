"""Calibration of votes: shares and confidence against gold, counted by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diziner.labelling.row_files import read_rows, write_rows
from diziner.pipeline.vote import vote
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document
from diziner.records.votes import voted_row

Run = Callable[..., str]

TOKENS = ("Ada", "saw", "Oslo", "and", "Bonn")
A, B, C = Span(0, 1, "PER"), Span(2, 3, "LOC"), Span(4, 5, "LOC")


def documents(count: int) -> list[Document]:
    return [Document(f"d{n}", TOKENS, " ".join(TOKENS)) for n in range(count)]


def written(path: Path, votes: list[list[list[Span] | None]]) -> None:
    """A shard in which three equal annotators voted; None: one failed."""
    own = documents(len(votes))
    made = {
        name: [
            Annotation(document.id, failure=Failure("timeout", ""))
            if spans is None
            else Annotation(document.id, tuple(spans))
            for document, spans in zip(own, column, strict=True)
        ]
        for name, column in zip("abc", zip(*votes, strict=True), strict=True)
    }
    voted = vote(own, made, ["LOC", "PER"], dict.fromkeys("abc", 1.0), "io")
    write_rows(path, list(map(voted_row, own, voted)))


VOTES: list[list[list[Span] | None]] = [
    [[A, B], [A, B], [A, B]],  # 0: A and B stand at 1
    [[A, B], [A, B], [A]],  # 1: B at 2/3
    [[A, C], [A], [A, C]],  # 2: C at 2/3
    [[A], [], []],  # 3: A is outvoted at 1/3
    [[B], None, None],  # 4: one vote alone
    [[], [], []],  # 5: all say nothing
]
GOLD = [[A, B], [A], [A, C], [A], [B], []]


def gold(path: Path) -> None:
    rows = [
        {"id": f"d{n}", "tokens": TOKENS, "spans": [[s.start, s.end, s.type] for s in spans]}
        for n, spans in enumerate(GOLD)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_shares_and_confidence_are_held_against_gold(diziner: Run, tmp_path: Path, kind: str) -> None:
    written(tmp_path / f"votes.{kind}", VOTES)
    gold(tmp_path / "gold.jsonl")
    said = diziner("score", "--gold", "gold.jsonl", "--pred", f"votes.{kind}", "--calibration", "--samples", "200")
    [found] = json.loads(said)["predictions"]
    calibration: dict[str, list[dict[str, Any]]] = found["calibration"]

    def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            value = row.get("f1", row.get("precision"))
            assert row.pop("low") <= value <= row.pop("high")
        return rows

    # At 2/3 stand B in d1, which is wrong, and C in d2; at 1 what all had, and the B of one alone in d4.
    assert plain(calibration["mentions"]) == [
        {"from": 0.6, "to": 0.7, "mentions": 2, "documents": 2, "correct": 1, "precision": 0.5},
        {"from": 1.0, "to": 1.0, "mentions": 5, "documents": 4, "correct": 5, "precision": 1.0},
    ]
    # d1: 1 of 2 right, gold 1; d2: all right; d3: nothing found, confidence 2/3 too. 2 * 3 / (4 + 4).
    assert plain(calibration["documents"]) == [
        {"from": 0.6, "to": 0.7, "documents": 3, "f1": 0.75},
        {"from": 1.0, "to": 1.0, "documents": 2, "f1": 1.0},
        {"from": None, "to": None, "documents": 1, "f1": 1.0},
    ]
    assert plain(calibration["kept"]) == [
        {"at_least": 0.6, "documents": 5, "share_of_documents": 0.833333, "f1": 0.833333},
        {"at_least": 1.0, "documents": 2, "share_of_documents": 0.333333, "f1": 1.0},
    ]
    without = json.loads(diziner("score", "--gold", "gold.jsonl", "--pred", f"votes.{kind}", "--samples", "200"))
    assert without["predictions"] == [{key: value for key, value in found.items() if key != "calibration"}]


def test_what_has_no_shares_is_named(diziner: Run, tmp_path: Path) -> None:
    gold(tmp_path / "gold.jsonl")
    words = ("score", "--gold", "gold.jsonl", "--calibration", "--pred")
    assert "gold.jsonl: document 'd0' has no shares" in diziner(*words, "gold.jsonl", code=2)
    written(tmp_path / "votes.jsonl", VOTES)
    rows = list(read_rows(tmp_path / "votes.jsonl"))
    rows[0]["shares"].append(1.0)
    write_rows(tmp_path / "votes.jsonl", rows)
    assert "document 'd0': 3 shares of 2 spans" in diziner(*words, "votes.jsonl", code=2)
