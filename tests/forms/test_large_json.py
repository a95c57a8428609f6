"""JSON files larger than what is read at once: one object around all documents, arrays, long lines."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from form_samples import TEXT

from diziner.common.errors import UserError
from diziner.forms import jsonfiles
from diziner.forms.jsonfiles import Value, json_values
from diziner.forms.rows import Unreadable
from diziner.standalone.files import read_plain

LONG = "x" * (jsonfiles._WHOLE + 10)  # beside documents: with it a file is too large to be read whole
ROWS: list[Any] = [{"id": f"d{n}", "text": f"{TEXT} {n}", "spans": [[0, 4, "PER"]]} for n in range(40)]


def values(path: Path) -> list[Any]:
    return [item.value if isinstance(item, Value) else item.reason for item in json_values(path)]


def write(path: Path, value: Any, indent: int | None = None) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent=indent), encoding="utf-8")
    return path


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "around",
    [
        {"version": LONG, "data": ROWS},
        {"data": ROWS, "about": {"by": LONG, "lists": [[1, 2], {"a": [3]}]}, "n": 1.5e3, "ok": True, "no": None},
        {"classes": ["PER"], "annotations": [*ROWS, None], "data": [], "why": LONG, "data2": [1, 23]},
    ],
)
def test_an_object_around_documents_is_read_as_a_small_one(
    tmp_path: Path, around: dict[str, Any], indent: int | None
) -> None:
    small = {key: "x" if value == LONG else value for key, value in around.items()}
    assert values(write(tmp_path / "a.json", around, indent)) == values(write(tmp_path / "b.json", small)) == ROWS
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.json").read_bytes())
    assert values(tmp_path / "c.json") == ROWS
    file = read_plain(tmp_path / "a.json")
    assert [row.id for row in file.annotations] == [row["id"] for row in ROWS]


@pytest.mark.parametrize("indent", [None, 1])
def test_of_an_object_around_documents_a_piece_is_in_memory_at_a_time(tmp_path: Path, indent: int | None) -> None:
    rows = [{"id": str(n), "text": f"{TEXT} {n} ".ljust(200, "ä"), "spans": [[0, 4, "PER"]]} for n in range(30_000)]
    path = write(tmp_path / "a.json", {"data": rows}, indent)
    assert path.stat().st_size > 12e6
    tracemalloc.start()
    try:
        assert sum(isinstance(item, Value) for item in json_values(path)) == len(rows)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_what_is_no_object_around_documents_is_read_as_what_it_is(tmp_path: Path) -> None:
    document = {"annotations": [{"start": 0, "end": 4, "label": "PER"}], "about": LONG, "text": TEXT}
    assert values(write(tmp_path / "a.json", document, 1)) == [document]
    lines = [{**ROWS[0], "about": LONG}, *ROWS[1:]]
    assert values(write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, lines)))) == lines
    broken = json.dumps(lines[0])[:-1]
    found = values(write(tmp_path / "c.jsonl", "\n".join([broken, *map(json.dumps, lines[1:])])))
    assert found[1:] == ROWS[1:] and found[0].startswith("not JSON: ")


@pytest.mark.parametrize("around", [{"data": ROWS, "rows": ROWS}, {"docs": ROWS}, {"data": [*ROWS, "x"]}, {"data": []}])
def test_an_object_of_which_nothing_says_where_its_documents_are_is_refused(tmp_path: Path, around: Any) -> None:
    assert values(write(tmp_path / "a.json", {**around, "about": LONG})) == [jsonfiles._NOT_AROUND]
    with pytest.raises(UserError, match=r"neither tokens nor text|no labels under a usual name"):
        read_plain(write(tmp_path / "b.json", around))


@pytest.mark.parametrize("place", ["in a document", "between documents", "at the end", "in what is beside"])
def test_a_large_object_that_is_cut_is_refused_and_nothing_of_it_read(tmp_path: Path, place: str) -> None:
    whole = json.dumps({"data": ROWS, "about": LONG})
    last = whole.index('"d39"')
    at = {"in a document": last, "between documents": last - 8, "at the end": len(whole) - 1}.get(place, len(whole) - 9)
    with pytest.raises(UserError, match=r"a\.json:1: not JSON: "):
        read_plain(write(tmp_path / "a.json", whole[:at].replace('"data": [', f'"before": "{LONG}", "data": [')))


def test_an_error_far_from_the_end_of_an_array_is_told_without_reading_on(tmp_path: Path) -> None:
    rows = [*map(json.dumps, ROWS), '{"id": "bad", "text": tru}', *(json.dumps({"text": LONG}) for _ in range(3))]
    path = write(tmp_path / "a.json", f"[{','.join(rows)}]")
    *read, last = json_values(path)
    assert [item.value for item in read if isinstance(item, Value)] == ROWS
    assert isinstance(last, Unreadable) and last.where.endswith("row 40") and last.reason.startswith("not JSON: Exp")


def test_bytes_that_are_no_text_are_told_with_their_place_in_the_file(tmp_path: Path) -> None:
    data = json.dumps([{"text": LONG}, {"text": TEXT}]).encode()
    (tmp_path / "a.json").write_bytes(data.replace(b"Oslo", b"Osl\xff"))
    with pytest.raises(UserError, match=f"not UTF-8 at byte {data.index(b'Oslo') + 3};"):
        list(json_values(tmp_path / "a.json"))


def test_numbers_at_the_end_of_a_block_are_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", f"[[], {' ' * (jsonfiles._WHOLE - 7)}1234, 5]")
    assert values(path) == [[], 1234, 5]


def test_a_pipe_is_refused_since_it_can_be_read_once(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "a.jsonl")
    for given in (tmp_path / "a.jsonl", Path(os.devnull)):
        with pytest.raises(UserError, match="no file but a pipe or a device"):
            read_plain(given)
