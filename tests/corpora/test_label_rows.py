"""Labels of files as rows: what is read, what is refused, and where it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diziner.common.errors import UserError
from diziner.corpora import labelrows
from diziner.corpora.decode import Decoder
from diziner.corpora.labelrows import read_label_file
from diziner.forms.rows import Row, Unreadable
from diziner.records.annotations import Span
from diziner.records.given import GivenRow


def rows(folder: Path, *values: Any, **read: Any) -> list[GivenRow]:
    path = folder / "labels.jsonl"
    path.write_text("".join(f"{value if isinstance(value, str) else json.dumps(value)}\n" for value in values))
    return list(read_label_file(path, read).rows)


def refused(folder: Path, *values: Any, **read: Any) -> str:
    with pytest.raises(UserError) as error:
        rows(folder, *values, **read)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(str(folder / "labels.jsonl"))


def test_rows_of_the_project_are_an_id_with_spans_of_tokens_elsewhere(tmp_path: Path) -> None:
    first, last = rows(tmp_path, {"id": "a", "spans": [[0, 2, "PER"]]}, "", {"id": 7, "spans": []}, "  ")
    assert (first.id, first.text, first.tokens, first.spans) == ("a", None, None, (Span(0, 2, "PER"),))
    assert (last.id, last.spans, last.where.rpartition(":")[2]) == ("7", (), "3")
    failed, _ = rows(
        tmp_path,
        {"id": "a", "spans": [], "failure": {"code": "truncated", "detail": "d"}},
        {"id": "b", "spans": []},
    )
    assert failed.failure is not None and failed.failure.code == "truncated"


def test_tokens_tags_and_characters_are_told_apart(tmp_path: Path) -> None:
    tokens = ["Ann", "Lee", "left"]
    [tagged] = rows(tmp_path, {"tokens": tokens, "tags": ["B-PER", "I-PER", "O"]})
    assert (tagged.tokens, tagged.spans, tagged.text) == (tuple(tokens), (Span(0, 2, "PER"),), None)
    [numbered] = rows(tmp_path, {"tokens": tokens, "tags": [1, 2, 0]}, labels=["O", "B-PER", "I-PER"])
    assert numbered.spans == (Span(0, 2, "PER"),)
    [spans] = rows(tmp_path, {"id": "a", "tokens": tokens, "spans": [[0, 2, "PER"]]}, spans="tokens")
    assert (spans.id, spans.tokens, spans.spans) == ("a", tuple(tokens), (Span(0, 2, "PER"),))
    [characters] = rows(tmp_path, {"text": "Ann Lee left", "spans": [[0, 7, "PER"]]}, spans="characters")
    assert (characters.tokens, characters.spans, characters.text) == (None, (Span(0, 7, "PER"),), "Ann Lee left")
    both = {"text": "Ann Lee left", "tokens": tokens, "spans": [[0, 7, "PER"]]}
    [given] = rows(tmp_path, both, spans="characters")
    assert (given.tokens, given.spans) == (None, (Span(0, 7, "PER"),))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"id": "b"}, ":2: {'id': 'b'} is no row of an id with spans, unlike the first one"),
        ({"spans": []}, ":2: {'spans': []} is no row of an id with spans"),
        ({"id": "", "spans": []}, ":2: {'id': '', 'spans': []} is no row"),
        ({"id": "b", "spans": [], "text": "x"}, " is no row of an id with spans, unlike the first one"),
        ([1], ":2: [1] is no row of an id with spans"),
        ("{", ":2: not JSON: "),
        ({"id": True, "spans": []}, ":2: id must be a string or a whole number, found True"),
        ({"id": 1.5, "spans": []}, ":2: id must be a string or a whole number, found 1.5"),
        ({"id": "b", "spans": None}, ":2: spans must be a list (one without mentions has []), found None"),
        ({"id": "b", "spans": [[0, 1]]}, ":2: span [0, 1] is not [start, end, label]"),
        ({"id": "b", "spans": [[0, 1, ""]]}, ":2: span [0, 1, ''] is not [start, end, label]"),
        ({"id": "b", "spans": [[0, 1, 5]]}, ":2: span [0, 1, 5] is not [start, end, label]"),
        ({"id": "b", "spans": [[0, True, "PER"]]}, ":2: span [0, True, 'PER'] is not"),
        ({"id": "b", "spans": [["0", 1, "PER"]]}, ":2: span ['0', 1, 'PER'] is not"),
    ],
)
def test_what_is_no_such_row_is_one_line(tmp_path: Path, second: Any, message: str) -> None:
    assert message in refused(tmp_path, {"id": "a", "spans": []}, second)


def test_spans_count_tokens_where_a_row_has_some_else_characters() -> None:
    def given(**value: Any) -> GivenRow:
        return labelrows._given(Row("here", value), Decoder(None))

    by_tokens = given(tokens=["Ann", "left"], spans=[[0, 1, "PER"]])
    assert (by_tokens.tokens, by_tokens.spans) == (("Ann", "left"), (Span(0, 1, "PER"),))
    assert given(text="Ann left", spans=[[0, 3, "PER"]]).tokens is None
    assert given(text="Ann left").spans is None
    with pytest.raises(UserError, match="here: spans count characters, and there is no text"):
        given(spans=[[0, 3, "PER"]])
    with pytest.raises(UserError, match="here: not JSON"):
        labelrows._given(Unreadable("here", "not JSON", "{"), Decoder(None))
