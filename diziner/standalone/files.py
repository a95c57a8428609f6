"""Labelled files outside any pipeline: of every kind that the local source reads, and the project's own.

The project's own are annotations, predictions and gold (spans by document id, without tokens), and labelled rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.corpora.card import Layout
from diziner.corpora.corpus import Labelled
from diziner.corpora.decode import Decoder
from diziner.corpora.reader import Reader
from diziner.corpora.rows import USUAL_COLUMNS, Row, Table, Unreadable, select_columns
from diziner.corpora.sources import COLUMN_SUFFIXES, JSON_SUFFIXES, file_table
from diziner.corpora.textfiles import column_rows, text_lines
from diziner.records.annotations import Annotation, Failure, read_annotations
from diziner.records.documents import Document
from diziner.records.gold import read_gold

_TEXT_KEYS = {*USUAL_COLUMNS["tokens"], *USUAL_COLUMNS["text"]}
_LABEL_KEYS = ("tags", "spans")


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A labelled file in file order.

    `documents` are by id, None where the file has spans only. Where it has no ids, a document's id is `#` and its
    number, from 1. `repairs` counts what was mended in reading: ill-formed tags, overlaps, blank tokens.
    `own_tokens` are the ids of documents that came without tokens: theirs are ours, cut where the file's spans ask.
    """

    path: Path
    has_ids: bool
    annotations: tuple[Annotation, ...]
    documents: Mapping[str, Document] | None
    repairs: int = 0
    own_tokens: frozenset[str] = frozenset()

    @property
    def failures(self) -> int:
        """Documents that have a failure in place of spans."""
        return sum(row.failure is not None for row in self.annotations)


def read_plain(path: Path) -> LabelledFile:
    """Read a labelled file; its ending says of which kind it is.

    JSON Lines, parquet or a saved dataset with tokens or text and tags or spans; columns (CoNLL and its kin); the
    project's annotations, predictions and gold.jsonl. Texts without tokens are cut where spans ask for it. A key
    `failure` that is not null says that the document has no labels. Spans come out sorted; where there are tokens,
    the longest of overlapping ones stays.

    Errors: UserError for a file that cannot be read, a bad row, an id that occurs twice, ids in some rows only,
    a row without labels, and no rows at all.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    file = _spans_only(path) if _has_spans_only(path) else _with_tokens(path)
    if not file.annotations:
        raise UserError(f"{path}: no documents")
    return file


def read_texts(path: Path) -> dict[str, Document]:
    """Return the documents of a file by id, whether it has labels or not; ids as in `LabelledFile`.

    Errors: UserError as `read_plain`, but for labels, which are not looked at.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.suffix in COLUMN_SUFFIXES:
        table = Table("", column_rows(path, {}, tagged=False))
    else:
        table = file_table(path, "", _layout(path))
    rows = _Rows(table.rows, without=_LABEL_KEYS)
    documents = {each.document.id: each.document for each in rows.read(path, table.names)[0]}
    if not documents:
        raise UserError(f"{path}: no documents")
    return documents


class _Rows:
    """Rows on their way to the reader, each with an id; remembers them, and whether the ids are their own."""

    def __init__(self, rows: Iterable[Row | Unreadable], without: tuple[str, ...] = ()) -> None:
        self._rows = rows
        self._without = without
        self.seen: list[Row] = []
        self.has_ids = False

    def read(self, path: Path, names: tuple[str, ...]) -> tuple[list[Labelled], int]:
        reader = Reader(path.stem, skip=False)
        labelled = reader.read(Table("", self._with_ids(), names), Decoder(None, names, split=True))
        return labelled, reader.repairs

    def _with_ids(self) -> Iterator[Row | Unreadable]:
        for number, row in enumerate(self._rows, 1):
            if isinstance(row, Unreadable):
                yield row
                continue
            has_id = row.value.get("id") not in (None, "")
            if number > 1 and has_id != self.has_ids:
                raise UserError(f"{row.where}: {'an' if has_id else 'no'} id, unlike the rows before; all or none")
            self.has_ids = has_id
            value = {key: item for key, item in row.value.items() if key not in self._without}
            self.seen.append(Row(row.where, value if has_id else {**value, "id": f"#{number}"}))
            yield self.seen[-1]


def _with_tokens(path: Path) -> LabelledFile:
    table = file_table(path, "", _layout(path))
    rows = _Rows(table.rows)
    labelled, repairs = rows.read(path, table.names)
    failures = _failures_of(path) if path.suffix in JSON_SUFFIXES else {}
    annotations = []
    for each, row in zip(labelled, rows.seen, strict=True):
        failure = _failure(failures.get(row.where, row.value.get("failure")), row.where)
        if failure is None and each.spans is None:
            raise UserError(
                f"{row.where}: document {each.document.id!r} has neither tags nor spans; "
                "one without mentions has the spans []"
            )
        spans, characters = ((), ()) if failure else (each.spans or (), each.characters)
        annotations.append(Annotation(each.document.id, spans, failure, characters=characters))
    documents = {each.document.id: each.document for each in labelled}
    ours = frozenset(each.document.id for each in labelled if each.own_tokens)
    return LabelledFile(path, rows.has_ids, tuple(annotations), documents, repairs, ours)


def _spans_only(path: Path) -> LabelledFile:
    if "failure" in _first_row(path):
        annotations = read_annotations(path)
    else:
        annotations = [Annotation(name, spans) for name, spans in read_gold(path).items()]
    seen: set[str] = set()
    for row in annotations:
        if row.id in seen:
            raise UserError(f"{path}: id {row.id!r} occurs twice; ids must be unique")
        seen.add(row.id)
        for span in row.spans:
            if span.start >= span.end:
                raise UserError(f"{path}: document {row.id!r}: span [{span.start}, {span.end}) is empty")
    rows = (Annotation(row.id, tuple(sorted(row.spans)), row.failure) for row in annotations)
    return LabelledFile(path, True, tuple(rows), None)


def _has_spans_only(path: Path) -> bool:
    row = _first_row(path) if path.suffix in JSON_SUFFIXES else {}
    return "spans" in row and not _TEXT_KEYS & row.keys()


def _first_row(path: Path) -> Mapping[str, Any]:
    """Return the first row of JSON Lines; empty where it is none, about which the reader has more to say."""
    line = next((line for _, line in text_lines(path) if line.strip()), "")
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _failures_of(path: Path) -> dict[str, object]:
    """Return what rows of JSON Lines that the reader found good have under `failure`, by place."""
    return {
        f"{path}:{number}": json.loads(line).get("failure") for number, line in text_lines(path) if '"failure"' in line
    }


def _failure(value: object, where: str) -> Failure | None:
    if value is None:
        return None
    if isinstance(value, Mapping) and isinstance(value.get("code"), str) and isinstance(value.get("detail"), str):
        return Failure(value["code"], value["detail"])
    raise UserError(f"{where}: failure: {value!r:.80} is neither null nor a code with a detail")


def _layout(path: Path) -> Layout:
    """Return the columns of a parquet file, ids and failures included; other kinds are left to their readers."""
    if path.suffix == ".parquet" and path.is_file():
        import pyarrow
        import pyarrow.parquet

        try:
            names = pyarrow.parquet.read_schema(path).names
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise UserError(f"{path}: not a parquet file: {str(error).splitlines()[0]}") from None
        columns: dict[str, str | int] = {**select_columns(names, {}, str(path), usual_id=True)}
        return Layout(columns | ({"failure": "failure"} if "failure" in names else {}))
    return Layout()
