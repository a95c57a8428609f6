"""Input of `diziner label`: every kind of file gives the same documents, and what is wrong with it is said before."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from label_place import Place, make_place, rows, shards

from diziner.common.errors import UserError
from diziner.common.files import check, read_jsonl
from diziner.labelling.input_files import document_of, files_of, items_of
from diziner.labelling.row_files import read_rows


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path, monkeypatch)


def test_every_kind_of_file_gives_the_same_documents_and_gold_is_not_read(place: Place, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    texts = ["Ada saw Lisbon.", "Nobody came.", "São Paulo won 3-1."]
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "b.txt").write_text("\ufeff" + "\r\n\r\n".join(texts), encoding="utf-8")
    gold = [{"id": n, "text": text, "ner_tags": "broken", "spans": 7} for n, text in enumerate(texts)]
    (folder / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in gold))
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "spans": [1, 2, 3]}), folder / "c.parquet")
    words = [{"words": ["Ada", "saw", "Lisbon", "."]}]
    (folder / "d.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in words))
    (folder / "readme.md").write_text("not a document")
    (folder / ".hidden.txt").write_text("not a document")
    files = files_of(folder)
    assert files.ignored == ("readme.md",)
    found = [document_of(item) for item in items_of(files)]
    assert [document.text for document in found] == [*texts, *texts, *texts, "Ada saw Lisbon ."]
    assert found[0].tokens == found[3].tokens == found[6].tokens == found[9].tokens
    ids = ["0", "1", "2", "b.txt:1", "b.txt:2", "b.txt:3", "c.parquet:1", "c.parquet:2", "c.parquet:3", "d.ndjson:1"]
    assert [document.id for document in found] == ids


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_else_a_file_says_about_a_document_goes_through_to_its_row(place: Place, form: str) -> None:
    table = place.input = place.input.with_suffix(".csv")
    place.input.write_text(
        'id,source,text,label,split,entities\n7,"a, b",Ada saw Lisbon.,sport,dev,"[[0, 3, ""PER""]]"\n'
    )
    place.label("--format", form)
    other = {"source": "a, b", "label": "sport", "split": "dev"}
    [shard] = shards(place.out)
    [row] = read_rows(shard)
    assert row["other"] == other and row["id"] == "7" and row["spans"]
    check(row, "labelled", "row")
    # What was labelled once goes on with what it had, and with nothing that the first labelling said.
    place.input, place.out = shard, place.out.with_name("again")
    place.label()
    [again] = rows(place.out)
    assert again["other"] == other
    # Another value makes another row, so it makes another shard; without others rows are as they were.
    place.input = table
    table.write_text(table.read_text().replace("sport", "art"))
    assert "holds 1 shard of other documents" in place.refuses()
    table.write_text("text\nAda saw Lisbon.\n")
    place.label("--replace")
    assert "other" not in rows(place.out)[0]


def test_what_json_cannot_hold_goes_through_as_text(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {
        "text": ["One."],
        "day": [date(2026, 11, 26)],
        "price": [Decimal("1.10")],
        "score": [float("nan")],
        "raw": [b"ab"],
        "meta": [{"page": 3, "tags": ["a"]}],
        "ner_tags": [[1]],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text('{"text": "Two.", "note": "\\ud83d", "_task_hash": 1, "answer": "accept"}\n')
    first, second = (document_of(item) for item in items_of(files_of(tmp_path)))
    assert first.other == {
        "day": "2026-11-26",
        "price": "1.10",
        "score": None,
        "raw": "2 bytes",
        "meta": {"page": 3, "tags": ["a"]},
    }
    assert second.other == {"note": "\\ud83d", "_task_hash": 1, "answer": "accept"}


def test_input_is_read_as_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"text": "One."}\n{"text": "Two."}\n\xff\xfe\n')
    items = items_of(files_of(path))
    assert [document_of(next(items)).text for _ in range(2)] == ["One.", "Two."]
    with pytest.raises(UserError, match="not UTF-8 at byte 34"):
        next(items)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"text": "Fine."}\n{"text": \n', ":2: not JSON"),
        ('{"text": "Fine."}\n{"text": "  "}\n', ":2: empty document"),
        ('{"text": "Fine."}\n{"txt": "Fine."}\n', ":2: neither tokens nor text"),
        ('{"id": "a", "text": "One."}\n{"id": "a", "text": "Two."}\n', ":2: id 'a' is also at"),
        ("", "no documents in it"),
    ],
)
def test_bad_input_is_refused_before_a_model_is_asked(place: Place, text: str, reason: str) -> None:
    place.input.write_text(text)
    message = place.refuses()
    assert reason in message
    assert "\n" not in message
    assert not Path(".responses").exists()
    assert not shards(place.out)


def test_bad_rows_are_left_out_and_listed_if_asked_for(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.input.write_text('{"text": "One."}\nnot JSON\n{"text": ""}\n{"text": "Two."}\n')
    assert "leave such rows out with --skip-bad" in place.refuses()
    place.label("--skip-bad", "--shard-documents", "2")
    assert [row["id"] for row in rows(place.out)] == ["in.jsonl:1", "in.jsonl:4"]
    rejected = read_jsonl(place.out / "rejected.jsonl")
    assert [row["where"].rpartition(":")[2] for row in rejected] == ["2", "3"]
    assert "2 bad rows left out" in capsys.readouterr().out
    place.input.write_text('{"text": "One."}\n')
    place.label("--skip-bad", "--replace")
    assert not (place.out / "rejected.jsonl").exists()


def test_what_is_not_there_or_not_known_is_named_in_one_line(place: Place, tmp_path: Path) -> None:
    (tmp_path / "in.docx").write_text("x")
    (tmp_path / "bad.parquet").write_text("x")
    (tmp_path / "empty").mkdir()
    assert "no such file or folder" in place.refuses(source=tmp_path / "nowhere")
    assert "unknown kind of file; allowed: " in place.refuses(source=tmp_path / "in.docx")
    assert "not a parquet file" in place.refuses(source=tmp_path / "bad.parquet")
    assert "no file to read in it" in place.refuses(source=tmp_path / "empty")
    assert "--workers: only with --engine ray" in place.refuses("--workers", "2")
    place.out = place.input
    assert "is the input" in place.refuses()
    place.out = place.input / "below"
    assert "Not a directory" in place.refuses()
