"""`diziner export`: what goes out in another tool's form comes back the same, and what it says of votes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from labelled_rows import Row, rows

from diziner.common.errors import UserError
from diziner.common.secret_values import keep_secret
from diziner.common.version import VERSION
from diziner.corpora.tokenize import tokenize
from diziner.forms.choices import Choices
from diziner.forms.exported import exported
from diziner.forms.table import FORMS
from diziner.forms.writers import WRITERS, Writer
from diziner.labelling.row_files import write_rows
from diziner.pipeline.vote import vote
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document, token_offsets
from diziner.records.labelled import labelled_row
from diziner.records.votes import voted_row
from diziner.standalone.files import read_plain

Run = Callable[..., str]

COUNT = 5000
ROWS = rows(COUNT)


def writer_of(form: str) -> Writer:
    if form == "docbin":
        pytest.importorskip("spacy", reason="an extra: pip install 'diziner[spacy]'")
    return WRITERS[form]


@pytest.mark.parametrize("form", [name for name, writer in WRITERS.items() if writer.read_as])
def test_what_goes_out_comes_back(form: str, tmp_path: Path) -> None:
    writer = writer_of(form)
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
    writer = writer_of(form)
    writer.write(tmp_path / f"none{writer.ending}", iter(()))
    assert (tmp_path / f"none{writer.ending}").exists()
    if writer.ending:
        for name in ("a", "b"):
            writer.write(tmp_path / name, map(exported, ROWS[:50]))
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


OTHER = {"source": "a,b\n", "year": 1999, "sure": True, "id2": None, "tags2": ["x", 1], "score": 0.5}


def with_others(folder: Path) -> Path:
    """A CSV of documents with further columns, as JSON where a table has texts alone."""
    rows = [{"id": f"d{n}", "text": f"Ada saw Oslo {n}", "spans": [[0, 3, "PER"]], **OTHER} for n in range(3)]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, {**rows[0], "id": "d3"}]))
    return folder / "in.jsonl"


@pytest.mark.parametrize("form", [name for name, writer in WRITERS.items() if writer.others])
def test_what_else_a_file_says_goes_along(diziner: Run, form: str, tmp_path: Path) -> None:
    writer = writer_of(form)
    said = diziner("export", str(with_others(tmp_path)), "--to", form, "--out", f"out{writer.ending}")
    assert "not in this form" not in said
    path = tmp_path / f"out{writer.ending}"
    if form == "docbin":
        import spacy
        from spacy.tokens import DocBin

        [first, *_] = DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab)
        assert json.loads(first.user_data["other"]) == OTHER
        return
    if form == "argilla":
        known = {key: value for key, value in OTHER.items() if value is not None}
        assert json.loads(path.read_text())[0]["metadata"] == {**known, "sure": "true", "tags2": '["x", 1]'}
        return
    if form == "prodigy":
        assert json.loads(path.read_text().split("\n")[0])["meta"] == OTHER
        return
    read = read_plain(path, Choices(form=writer.read_as), others=True)
    kept = {**OTHER, "tags2": '["x", 1]'} if form == "hf" else OTHER
    assert all({key: own.get(key) for key in OTHER} == kept for own in read.others.values())
    assert sorted(read.others) == ["d0", "d1", "d2", "d3"]


def test_what_a_form_has_no_place_for_is_said(diziner: Run, tmp_path: Path) -> None:
    said = diziner("export", str(with_others(tmp_path)), "--to", "conll", "--out", "out.conll")
    assert said.endswith("; not in this form: 'source', 'year', 'sure', 'id2', 'tags2' and 1 more\n")
    (tmp_path / "in.csv").write_text('text,spans,label,confidence\n"Ada saw Oslo","[[0, 3, ""PER""]]",x,7\n')
    diziner("export", "in.csv", "--to", "doccano", "--out", "out.jsonl", "--columns", "spans=spans")
    [row] = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (row["label"], row["other_label"], row["confidence"]) == ([[0, 3, "PER"]], "x", "7")


@pytest.mark.parametrize("form", [*WRITERS, "rows", "parquet rows"])
def test_no_form_holds_a_key(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY_OF_OURS", "sk-5ecret-1234567890")
    keep_secret("A_KEY_OF_OURS")
    text = "Ada has sk-5ecret-1234567890 and others have"
    row = labelled_row(Document("d", tuple(text.split()), text), Annotation("d", (Span(0, 1, "PER"),)))
    path = tmp_path / {"rows": "a.jsonl", "parquet rows": "a.parquet"}.get(form, "out")
    many = [*ROWS[:40], row]
    with pytest.raises(UserError, match=f"^{path}.*not written: it would hold the value of A_KEY_OF_OURS"):
        write_rows(path, many) if form.endswith("rows") else writer_of(form).write(path, map(exported, many))
    assert not list(tmp_path.iterdir())


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
    assert [(each["model_version"], each["score"]) for each in task["predictions"]] == [
        ("consensus", 0.666667),
        ("a", 0.833333),
        ("b", 0.666667),
        ("c", 0.833333),
    ]
    assert [[region["score"] for region in each["result"]] for each in task["predictions"]] == [
        *([1.0, 0.666667],) * 2,
        [1.0],
        [1.0, 0.666667],
    ]
    consensus = task["predictions"][0]
    assert [(each["value"], each["score"]) for each in consensus["result"]] == [
        ({"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}, 1.0),
        ({"start": 8, "end": 12, "text": "Oslo", "labels": ["LOC"]}, 0.666667),
    ]
    diziner("export", "votes.jsonl", "--to", "prodigy", "--out", "p.jsonl")
    example = json.loads((tmp_path / "p.jsonl").read_text())
    assert "answer" not in example and example["meta"]["by b"] == "Ada PER (0.67)"
    diziner("export", "votes.jsonl", "--to", "argilla", "--out", "a.json")
    [record] = json.loads((tmp_path / "a.json").read_text())
    suggestion = record["suggestions"]["label"]
    assert (suggestion["agent"], suggestion["score"]) == ("consensus", 0.666667)
    diziner("export", "votes.jsonl", "--to", "doccano", "--out", "d.jsonl")
    assert json.loads((tmp_path / "d.jsonl").read_text())["by a"] == "Ada PER; Oslo LOC (0.83)"
    assert [len(own.spans) for own in read_plain(tmp_path / "d.jsonl").annotations] == [2]


def test_people_get_the_least_sure_first_and_programs_the_order_of_the_documents(diziner: Run, tmp_path: Path) -> None:
    sure = {**voted(), "id": "sure", "confidence": 1.0}
    failed = {**voted(), "id": "failed", "failure": {"code": "timeout", "detail": ""}, "spans": [], "characters": []}
    write_rows(tmp_path / "votes.jsonl", [sure, voted(), {**failed, "shares": [], "confidence": None}])
    said = diziner("export", "votes.jsonl", "--to", "label-studio", "--out", "ls.json")
    assert said.endswith("; 1 document that nobody could label, without labels\n")
    assert [task["data"]["id"] for task in json.loads((tmp_path / "ls.json").read_text())] == ["failed", "d", "sure"]
    diziner("export", "votes.jsonl", "--to", "spacy", "--out", "s.json")
    assert [pair[1]["id"] for pair in json.loads((tmp_path / "s.json").read_text())] == ["sure", "d", "failed"]


def test_what_is_read_back_is_of_a_form_that_is_read() -> None:
    assert {writer.read_as for writer in WRITERS.values()} <= {*FORMS, ""}


def test_a_file_of_one_form_goes_out_in_another(diziner: Run, tmp_path: Path) -> None:
    (tmp_path / "g.conll").write_text("Ada B-PER\nsaw O\nOslo B-LOC\n\nIt O\nrained O\n")
    assert diziner("export", "g.conll", "--to", "doccano", "--out", "d.jsonl") == "d.jsonl: 2 documents as doccano\n"
    first, second = map(json.loads, (tmp_path / "d.jsonl").read_text().splitlines())
    assert (first["text"], first["label"], second["label"]) == ("Ada saw Oslo", [[0, 3, "PER"], [8, 12, "LOC"]], [])
    blank = {"tokens": ["New York", "won"], "text": "New York won", "spans": [[0, 8, "LOC"]]}
    (tmp_path / "blank.jsonl").write_text(json.dumps(blank))
    assert diziner("export", "blank.jsonl", "--to", "conll", "--out", "b.conll") == "b.conll: 1 document as conll\n"
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
    before = (tmp_path / "in.jsonl").read_bytes()
    said = diziner("export", "./in.jsonl", "--to", "csv", "--out", "in.jsonl", code=2)
    assert said == "--out in.jsonl: is what is read; give another place"
    assert (tmp_path / "in.jsonl").read_bytes() == before
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


def test_what_people_corrected_goes_out_in_place_of_the_votes(diziner: Run, tmp_path: Path) -> None:
    write_rows(tmp_path / "votes.jsonl", [voted(), {**voted(), "id": "e", "text": "Ada saw Oslo!"}])
    export = ("export", "votes.jsonl", "--to", "doccano", "--out", "d.jsonl", "--corrected", "c.json")

    def corrected(*rows: Row, code: int = 0) -> str:
        (tmp_path / "c.json").write_text(json.dumps(rows))
        return diziner(*export, code=code)

    right = {"text": TEXT, "entities": [[0, 3, "PER"]]}
    for row in (right, {**right, "id": "d"}, {**right, "id": "of the tool"}):
        assert corrected(row) == "d.jsonl: 2 documents as doccano; 1 document as corrected\n"
        found = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
        assert {row["id"]: len(row["label"]) for row in found} == {"d": 1, "e": 2}
    (tmp_path / "d.jsonl").unlink()
    said = corrected(right, {**right, "text": "Nobody", "entities": []}, code=2)
    assert said == "c.json: 1 document not among those that go out, by id or by text; the first: '#2'"
    assert "is another text there: 'Ada saw Oslo?', not" in corrected(
        {**right, "text": "Ada saw Oslo?", "id": "d"}, code=2
    )
    assert "a text is there twice" in corrected(right, right, code=2)
    assert not (tmp_path / "d.jsonl").exists()


def test_a_labelling_that_was_stopped_does_not_pass_for_a_whole_one(diziner: Run, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    write_rows(tmp_path / "labels/000000-0123456789abcdef.jsonl", ROWS[:3])
    export = ("export", "labels", "--to", "conll", "--out", "deep/out.conll")
    assert "the labelling is not complete" in diziner(*export, code=2)
    (tmp_path / "labels/manifest.json").write_text("{}")
    assert diziner(*export) == "deep/out.conll: 3 documents as conll\n"


def test_paths_are_as_from_where_the_command_stands_and_a_name_means_one_thing(
    diziner: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".diziner").write_text(f"{VERSION}\n")
    room = tmp_path / "data/letters"
    room.mkdir(parents=True)
    (room / "benchmark.yaml").write_text("name: letters\n")
    write_rows(tmp_path / "letters", ROWS[:2])
    said = diziner("export", "letters", "--to", "csv", "--out", "x", code=2)
    assert said == "letters: is a room and also letters; write data/letters or ./letters"
    (tmp_path / "letters").unlink()
    assert "no such file, and no room; there are: letters" in diziner(
        "export", "l", "--to", "csv", "--out", "x", code=2
    )
    (tmp_path / "below").mkdir()
    write_rows(tmp_path / "below/in.jsonl", ROWS[:2])
    monkeypatch.chdir(tmp_path / "below")
    assert diziner("export", "in.jsonl", "--to", "csv", "--out", "out.csv") == "below/out.csv: 2 documents as csv\n"
    assert (tmp_path / "below/out.csv").is_file()
