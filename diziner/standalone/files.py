"""Labelled files outside any pipeline: of every kind that the local source reads, and the project's own.

The project's own are annotations, predictions and gold (spans by document id, without tokens), and labelled rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from diziner.common.errors import UserError
from diziner.corpora.corpus import Labelled
from diziner.corpora.decode import Decoder
from diziner.corpora.reader import Reader, require_flat
from diziner.forms.choices import NO_CHOICES, Choices
from diziner.forms.form import Look, Task
from diziner.forms.jsonkeys import LABEL_KEYS
from diziner.forms.others import other_of
from diziner.forms.rows import Row, Table, Unreadable
from diziner.forms.table import form_of
from diziner.records.annotations import Annotation, failure_of, read_annotations
from diziner.records.documents import Document
from diziner.records.gold import read_gold

_SHOWN = 8  # names of keys in a message
_TEXT_KEYS = {"text", "tokens", "words", "tokenized_text", "sentence", "content"}


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A labelled file in file order.

    `documents` are by id, None where the file has spans only. Where it has no ids, a document's id is `#` and its
    number, from 1. `repairs` counts what was mended in reading: ill-formed tags, overlaps, blank tokens.
    `own_tokens` are the ids of documents that came without tokens: theirs are ours, cut where the file's spans ask.
    `read_as` says in words how it was read, where that had to be found. `others`: what else the file says about a
    document, by id, if that was asked for.
    """

    path: Path
    has_ids: bool
    annotations: tuple[Annotation, ...]
    documents: Mapping[str, Document] | None
    repairs: int = 0
    own_tokens: frozenset[str] = frozenset()
    read_as: str = ""
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Documents that have a failure in place of spans."""
        return sum(row.failure is not None for row in self.annotations)


def read_plain(path: Path, choices: Choices = NO_CHOICES, others: bool = False) -> LabelledFile:
    """Read a labelled file of any form that `diziner.forms` has, or the project's own annotations, predictions, gold.

    Texts without tokens are cut where spans ask for it. A key `failure` that is not null says that the document has no
    labels. Spans come out sorted; where there are tokens, the longest of overlapping ones stays. `others`: whether what
    else the file says is wanted.

    Errors: UserError for a file that cannot be read, or that can be read in two ways, a bad row, an id that occurs
    twice, ids in some rows only, a row without labels, spans that overlap (unless `choices.drop` or `nested`), and no
    rows at all.
    """
    look = Look(path)
    form = form_of(look, choices)
    own = form.name == "json" and not choices.columns and isinstance(look.value, dict) and _is_own(look.value)
    file = _spans_only(path) if own else _with_tokens(path, choices, others)
    if not file.annotations:
        raise UserError(f"{path}: no documents")
    return file


def read_texts(path: Path, choices: Choices = NO_CHOICES) -> dict[str, Document]:
    """Return the documents of a file by id, whether it has labels or not; ids as in `LabelledFile`.

    Errors: UserError as `read_plain`, but for labels, which are not looked at.
    """
    table = form_of(Look(path), choices).read(Task(path, choices, "ignored"))
    documents = {each.document.id: each.document for each in _Rows(table.rows).read(path, table)[0]}
    if not documents:
        raise UserError(f"{path}: no documents")
    return documents


class _Seen(NamedTuple):
    """Row that was read: its place, what it has in place of labels, and what else it has."""

    where: str
    failure: object
    other: Mapping[str, Any]


class _Rows:
    """Rows on their way to the reader, each with an id; remembers of each what its document has not, and whether the
    ids are their own. A row without labels is refused if they are `needed`."""

    def __init__(self, rows: Iterable[Row | Unreadable], needed: bool = False, others: bool = False) -> None:
        self._rows = rows
        self._needed = needed
        self._others = others
        self.seen: list[_Seen] = []
        self.has_ids = False

    def read(self, path: Path, table: Table, choices: Choices = NO_CHOICES) -> tuple[list[Labelled], int]:
        reader = Reader(path.stem, skip=False)
        numbered = replace(table, rows=self._with_ids())
        labelled = reader.read(numbered, Decoder(None, table.names, split=True, nested=choices.nested))
        require_flat(reader, path, choices)
        return labelled, reader.repairs

    def _with_ids(self) -> Iterator[Row | Unreadable]:
        for number, row in enumerate(self._rows, 1):
            if isinstance(row, Unreadable):
                yield row
                continue
            if self._needed:
                _require_labels(row)
            has_id = row.value.get("id") not in (None, "")
            if number > 1 and has_id != self.has_ids:
                raise UserError(f"{row.where}: {'an' if has_id else 'no'} id, unlike the rows before; all or none")
            self.has_ids = has_id
            other = other_of(row.value) if self._others else {}
            self.seen.append(_Seen(row.where, row.value.get("failure"), other))
            yield row if has_id else Row(row.where, {**row.value, "id": f"#{number}"})


def _with_tokens(path: Path, choices: Choices, others: bool) -> LabelledFile:
    table = form_of(Look(path), choices).read(Task(path, choices, "needed"))
    rows = _Rows(table.rows, needed=True, others=others)
    labelled, repairs = rows.read(path, table, choices)
    annotations = []
    for each, row in zip(labelled, rows.seen, strict=True):
        failure = failure_of(row.failure, row.where)
        spans, characters = ((), ()) if failure else (each.spans or (), each.characters)
        annotations.append(Annotation(each.document.id, spans, failure, characters=characters))
    documents = {each.document.id: each.document for each in labelled}
    ours = frozenset(each.document.id for each in labelled if each.own_tokens)
    also = {each.document.id: row.other for each, row in zip(labelled, rows.seen, strict=True) if row.other}
    return LabelledFile(path, rows.has_ids, tuple(annotations), documents, repairs, ours, table.said, also)


def _require_labels(row: Row) -> None:
    value = row.value
    if any(value.get(key) is not None for key in ("tags", "spans", "failure")):
        return
    held = sorted(key for key, each in value.get("other", {}).items() if key in LABEL_KEYS and each is not None)
    there = f"; {held[0]!r} is neither: {value['other'][held[0]]!r:.60}" if held else ""
    named = "" if value.get("id") in (None, "") else f"document {str(value['id'])!r} has "
    others = ", ".join(sorted(value.get("other", {}))[:_SHOWN])
    elsewhere = (
        f"; if they are under another name, say so: --columns spans=NAME or tags=NAME, of {others}" if others else ""
    )
    raise UserError(
        f"{row.where}: {named}neither tags nor spans{there}; one without mentions has the spans []{elsewhere}"
    )


def _spans_only(path: Path) -> LabelledFile:
    if "failure" in Look(path).value:
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


def _is_own(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of the project's annotations, predictions or gold: spans of tokens that are elsewhere."""
    return "spans" in row and not _TEXT_KEYS & row.keys()
