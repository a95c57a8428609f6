"""`diziner export`: what goes out in another tool's form comes back the same, and what it says of votes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diziner.corpora.tokenize import tokenize
from diziner.forms.choices import Choices
from diziner.forms.exported import exported
from diziner.forms.writers import WRITERS
from diziner.labelling.row_files import write_rows
from diziner.pipeline.vote import vote
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document, token_offsets
from diziner.records.labelled import labelled_row
from diziner.records.votes import voted_row
from diziner.standalone.files import read_plain

Run = Callable[..., str]
Row = dict[str, Any]

COUNT = 5000
WORDS = [
    "Ada",
    "saw",
    "São",
    "Paulo",
    "👩‍🚀",
    "d'Orange",
    "東京",
    "กรุงเทพ",
    "القاهرة",
    "e\u0301",
    "3.5%",
    '"so"',
    "a,b",
]


def rows(count: int) -> list[Row]:
    """Labelled rows in many scripts, with mentions of one token and more, and some without any."""
    draw = random.Random(7)
    found = []
    for number in range(count):
        text = " ".join(draw.choices(WORDS, k=draw.randrange(1, 12)))
        tokens = tokenize(text)
        spans, at = [], 0
        while at < len(tokens):
            end = min(len(tokens), at + draw.randrange(1, 4))
            if draw.random() < 0.4:
                spans.append(Span(at, end, draw.choice(["PER", "LOC", "MISC"])))
            at = end
        document = Document(f"d{number:05d}", tokens, text)
        found.append(labelled_row(document, Annotation(document.id, tuple(spans))))
    return found


ROWS = rows(COUNT)


@pytest.mark.parametrize("form", [name for name, writer in WRITERS.items() if writer.read_as])
def test_what_goes_out_comes_back(form: str, tmp_path: Path) -> None:
    writer = WRITERS[form]
    path = tmp_path / f"out{writer.ending}"
    writer.write(path, map(exported, ROWS))
    read = read_plain(path, Choices(form=writer.read_as))
    assert read.documents is not None and len(read.annotations) == COUNT
    assert not read.repairs
    for given, own in zip(ROWS, read.annotations, strict=True):
        document = read.documents[own.id]
        if writer.ids:
            assert own.id == given["id"]
        if writer.tokens:
            assert list(document.tokens) == given["tokens"]
            assert [[s.start, s.end, s.type] for s in own.spans] == given["spans"]
        else:
            assert document.text == given["text"]
            assert [[*place] for place in own.characters] == given["characters"]
            assert [s.type for s in own.spans] == [label for *_, label in given["spans"]]


@pytest.mark.parametrize("form", WRITERS)
def test_nothing_gives_an_empty_file_and_the_same_gives_the_same_bytes(form: str, tmp_path: Path) -> None:
    writer = WRITERS[form]
    writer.write(tmp_path / f"none{writer.ending}", iter(()))
    assert (tmp_path / f"none{writer.ending}").exists()
    if writer.ending:
        for name in ("a", "b"):
            writer.write(tmp_path / name, map(exported, ROWS[:50]))
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


TEXT = "Ada saw Oslo."
DOCUMENT = Document("d", ("Ada", "saw", "Oslo", "."), TEXT)
ADA, OSLO = Span(0, 1, "PER"), Span(2, 3, "LOC")


def voted() -> Row:
    votes = {
        "a": [Annotation("d", (ADA, OSLO))],
        "b": [Annotation("d", (ADA,))],
        "c": [Annotation("d", (ADA, OSLO))],
        "down": [Annotation("d", failure=Failure("timeout", ""))],
    }
    [found] = vote([DOCUMENT], votes, ["LOC", "PER"], dict.fromkeys(votes, 1.0), "io")
    return voted_row(DOCUMENT, found)


def test_of_a_vote_every_annotator_is_a_prediction_and_shares_are_scores(diziner: Run, tmp_path: Path) -> None:
    write_rows(tmp_path / "votes.jsonl", [voted()])
    said = diziner("export", "votes.jsonl", "--to", "label-studio", "--out", "ls.json")
    assert said == "ls.json: 1 document as label-studio\n"
    [task] = json.loads((tmp_path / "ls.json").read_text())
    assert task["data"] == {"id": "d", "text": TEXT, "confidence": 0.666667, "disagreement": 0.222222}
    assert "annotations" not in task
    assert [each["model_version"] for each in task["predictions"]] == ["consensus", "a", "b", "c"]
    consensus = task["predictions"][0]
    assert consensus["score"] == 0.666667
    assert [(each["value"], each["score"]) for each in consensus["result"]] == [
        ({"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}, 1.0),
        ({"start": 8, "end": 12, "text": "Oslo", "labels": ["LOC"]}, 0.666667),
    ]
    diziner("export", "votes.jsonl", "--to", "prodigy", "--out", "p.jsonl")
    assert "answer" not in json.loads((tmp_path / "p.jsonl").read_text())
    diziner("export", "votes.jsonl", "--to", "argilla", "--out", "a.json")
    [record] = json.loads((tmp_path / "a.json").read_text())
    suggestion = record["suggestions"]["label"]
    assert (suggestion["agent"], suggestion["score"]) == ("consensus", 0.666667)


def test_a_file_of_one_form_goes_out_in_another(diziner: Run, tmp_path: Path) -> None:
    (tmp_path / "g.conll").write_text("Ada B-PER\nsaw O\nOslo B-LOC\n\nIt O\nrained O\n")
    assert diziner("export", "g.conll", "--to", "doccano", "--out", "d.jsonl") == "d.jsonl: 2 documents as doccano\n"
    first, second = map(json.loads, (tmp_path / "d.jsonl").read_text().splitlines())
    assert (first["text"], first["label"], second["label"]) == ("Ada saw Oslo", [[0, 3, "PER"], [8, 12, "LOC"]], [])
    inside = labelled_row(DOCUMENT, Annotation("d", (ADA,), characters=((0, 2),)))
    write_rows(tmp_path / "inside.jsonl", [inside])
    said = diziner("export", "inside.jsonl", "--to", "conll", "--out", "i.conll")
    assert said == "i.conll: 1 document as conll; 1 mention inside tokens, written as the whole of them\n"
    assert (tmp_path / "i.conll").read_text() == "Ada\tB-PER\nsaw\tO\nOslo\tO\n.\tO\n\n"


def test_what_cannot_go_out_is_said_in_one_line(diziner: Run, tmp_path: Path) -> None:
    assert "nowhere: no such file, and no room" in diziner("export", "nowhere", "--to", "csv", "--out", "x", code=2)
    (tmp_path / "there").mkdir()
    write_rows(tmp_path / "in.jsonl", ROWS[:2])
    said = diziner("export", "in.jsonl", "--to", "brat", "--out", "there", code=2)
    assert said == "--out there: is there already; give the name of a new folder"
    assert list((tmp_path / "there").iterdir()) == [] and not list(tmp_path.glob(".there*"))


def test_a_flat_form_takes_no_mention_inside_another(diziner: Run, tmp_path: Path) -> None:
    whole = Span(0, 3, "MISC")
    write_rows(tmp_path / "n.jsonl", [labelled_row(DOCUMENT, Annotation("d", (ADA, whole, OSLO)))])
    said = diziner("export", "n.jsonl", "--to", "conll", "--out", "n.conll", "--nested", code=2)
    assert said.startswith("--to conll: 2 mentions overlap longer ones") and not (tmp_path / "n.conll").exists()
    diziner("export", "n.jsonl", "--to", "conll", "--out", "n.conll", "--drop")
    assert (tmp_path / "n.conll").read_text().split("\n")[:3] == ["Ada\tB-MISC", "saw\tI-MISC", "Oslo\tI-MISC"]
    diziner("export", "n.jsonl", "--to", "doccano", "--out", "n.doccano.jsonl", "--nested")
    assert len(json.loads((tmp_path / "n.doccano.jsonl").read_text())["label"]) == 3


def test_a_text_of_several_lines_is_the_same_in_brat(tmp_path: Path) -> None:
    text = "Ada\nLovelace saw\r\nOslo"
    document = Document("a/b", tokenize(text), text)
    assert token_offsets(document.tokens, text)[1] == (4, 12)
    row = labelled_row(document, Annotation("a/b", (Span(0, 2, "PER"), Span(3, 4, "LOC"))))
    WRITERS["brat"].write(tmp_path / "out", [exported(row)])
    [read] = read_plain(tmp_path / "out").annotations
    assert [[*place] for place in read.characters] == row["characters"]
