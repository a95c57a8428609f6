"""Annotations: what one annotator found in a document, or why it found nothing (annotation.schema.json).

Positions are token positions, `[start, end)`. BIO2 tags exist only at the edges (`diziner.spans.tags`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_jsonl
from diziner.common.words import counted
from diziner.records.documents import Document, Range

LEFT_OUT = "left_out"  # the failure code of an annotator that the guideline leaves out, or whose model is gone
ABSENT = "absent"  # the failure code of a document that an annotator was not given, or gave nothing for
OUTAGES = ("rate_limited", "timeout", "unavailable")  # codes of failures without any answer


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One entity mention: tokens `start` (included) to `end` (excluded), with a benchmark label as `type`."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a document has no annotation. `code` is closed (see schemas/annotation.schema.json)."""

    code: str
    detail: str


def failure_of(value: object, where: str) -> Failure | None:
    """Return the failure that a row of a user's file states: null, or a code with a detail.

    Errors: UserError with the place (`where`) for anything else.
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and isinstance(value.get("code"), str) and isinstance(value.get("detail"), str):
        return Failure(value["code"], value["detail"])
    raise UserError(f"{where}: failure: {value!r:.80} is neither null nor a code with a detail")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotator's answer for one document: spans, or a failure, never both.

    `spans` is sorted and free of overlaps. `drops` counts answered entities that were not used, by reason, `forms`
    what in the answer had another form than asked for, by kind. `repairs` is the number of repair turns. `responses`
    are the request keys behind the row (its receipt).
    `characters` has, for each span, the characters of the document's text that were answered, `[first, last)`; none
    where they are not known, as in files of earlier versions. They are fewer than those of the span's tokens where it
    begins or ends inside one. `matched` counts used answers that differ from the text, by what was overlooked.
    """

    id: str
    spans: tuple[Span, ...] = ()
    failure: Failure | None = None
    drops: Mapping[str, int] = field(default_factory=dict)
    repairs: int = 0
    responses: tuple[str, ...] = ()
    forms: Mapping[str, int] = field(default_factory=dict)
    characters: tuple[Range, ...] = ()
    matched: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_absent(self) -> bool:
        """Whether the annotator was not given the document, or gave nothing for it."""
        return self.failure is not None and self.failure.code == ABSENT


def left_out(rows: Sequence[Annotation]) -> str:
    """Return why an annotator was not asked: by the guideline, say; nothing if it was."""
    failures = [row.failure for row in rows]
    if not rows or not all(failure is not None and failure.code == LEFT_OUT for failure in failures):
        return ""
    return failures[0].detail if failures[0] is not None else ""


def taking_part(annotations: Mapping[str, Sequence[Annotation]]) -> dict[str, Sequence[Annotation]]:
    """Return the annotators that were asked, without those that are left out."""
    return {
        name: rows
        for name, rows in annotations.items()
        if not all(row.failure is not None and row.failure.code == LEFT_OUT for row in rows)
    }


def annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    """Return a row of an annotation file."""
    failure = annotation.failure
    return {
        "id": annotation.id,
        "spans": [[s.start, s.end, s.type] for s in annotation.spans],
        "failure": None if failure is None else {"code": failure.code, "detail": failure.detail},
        "drops": dict(annotation.drops),
        "forms": dict(annotation.forms),
        "repairs": annotation.repairs,
        "responses": list(annotation.responses),
        "characters": [list(place) for place in annotation.characters],
        "matched": dict(annotation.matched),
    }


def annotation_from_json(row: Mapping[str, Any]) -> Annotation:
    """Return the inverse of `annotation_to_json`."""
    return Annotation(
        row["id"],
        spans_from_json(row["spans"]),
        None if row["failure"] is None else Failure(**row["failure"]),
        row["drops"],
        row["repairs"],
        tuple(row["responses"]),
        row.get("forms", {}),
        tuple((first, last) for first, last in row.get("characters", ())),
        row.get("matched", {}),
    )


def spans_from_json(spans: list[list[Any]]) -> tuple[Span, ...]:
    """Return `[[start, end, type], ...]` as spans."""
    return tuple(Span(*span) for span in spans)


def read_annotations(
    path: Path, documents: Sequence[Document] | None = None, types: Collection[str] | None = None
) -> list[Annotation]:
    """Return the rows of an annotation file in file order. `documents`: those that it must be of, each once; rows then
    come in their order. `types`: the labels that mentions may have.

    Errors: UserError for a row that breaks `annotation.schema.json`, an id that occurs twice, a document too few or
    too many, a mention of another type or outside of its document.
    """
    rows: dict[str, Annotation] = {}
    for value in read_jsonl(path, "annotation"):
        if value["id"] in rows:
            raise UserError(f"{path}: id {value['id']!r} occurs twice; a document has one row")
        rows[value["id"]] = annotation_from_json(value)
    if documents is None:
        return list(rows.values())
    if differing := sorted(rows.keys() ^ {document.id for document in documents}):
        what = "is of no document here" if differing[0] in rows else "is missing"
        raise UserError(f"{path}: row {differing[0]!r} {what} ({len(differing)} such); run its stage again")
    for document in documents:
        refuse_other_spans(rows[document.id].spans, document, types, path)
    return [rows[document.id] for document in documents]


def refuse_other_spans(spans: Iterable[Span], document: Document, types: Collection[str] | None, path: Path) -> None:
    """Raise UserError, with the file, for a mention outside of its document or of none of the types (None: any)."""
    for span in spans:
        if not 0 <= span.start < span.end <= len(document.tokens):
            tokens = counted(len(document.tokens), "token")
            raise UserError(f"{path}: {document.id}: mention {span.start}-{span.end} of a document of {tokens}")
        if types is not None and span.type not in types:
            raise UserError(f"{path}: {document.id}: type {span.type!r} is not one of {', '.join(types)}")
