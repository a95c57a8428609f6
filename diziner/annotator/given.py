"""Labels that come as a file, from people or another system, as one annotator's rows for a round's documents.

Its rows are matched to documents by id, or by text where they have no ids or, as annotation tools do, ids of their own.
The text must be the same but for white space between tokens: labels of another text are labels of something else.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from diziner.annotator.outside import OVERLAP, Mention, Placing, in_characters
from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.records.annotations import ABSENT, Annotation, Failure
from diziner.records.documents import Document, token_offsets
from diziner.records.given import GivenRow, LabelFile

_ABSENT = Failure(ABSENT, "not in the annotator's file")
_AROUND = 20  # characters that a message shows of a text, from its first difference on


class GivenLabels(NamedTuple):
    """One row per document of a round, in order, and a line about the file where not all of it was used."""

    annotations: list[Annotation]
    note: str


def given_labels(
    file: LabelFile,
    documents: Sequence[Document],
    pilot: Mapping[str, Document],
    labels: Sequence[str],
    annotator: AnnotatorSettings,
    nested: bool = False,
) -> GivenLabels:
    """Return an annotator's rows for the documents of a round; a document that the file lacks is a failure `absent`.

    `pilot` are the documents of all rounds by id, `labels` the guideline's.
    Errors: UserError for an id that occurs twice, other text than a document's, types that the guideline has not, and
    a file without any document of the round; each with counts.
    """
    placing = Placing(labels, annotator.type_map, nested)
    wanted = {document.id for document in documents}
    by_text = _by_text(pilot)
    read: dict[str, Annotation] = {}
    places: dict[str, str] = {}
    unknown: list[str] = []
    other: list[str] = []
    for row in file.rows:
        document = _document_of(row, pilot, by_text)
        if document is None:
            unknown.append(_called(row))
            continue
        if row.spans is None and row.failure is None:
            continue  # nobody labelled it
        if document.id in places:
            raise UserError(f"{row.where}: id {document.id!r} is also at {places[document.id]}; a document occurs once")
        places[document.id] = row.where
        mentions = _mentions(row, document)
        if mentions is None:
            other.append(f"{document.id!r} {_difference(row, document)}")
        elif row.failure is not None:
            read[document.id] = Annotation(document.id, failure=row.failure)
        elif document.id in wanted:
            read[document.id] = placing.row(document, mentions)
    if other:
        raise UserError(
            f"{file.path}: other text than the benchmark's in {len(other)} of its "
            f"{counted(len(file.rows), 'document')}: {other[0]}; labels must be of the same text"
        )
    placing.refuse_other_types(str(file.path))
    overlapping = sum(row.drops.get(OVERLAP, 0) for row in read.values())
    if overlapping and not annotator.read.get("drop"):
        raise UserError(
            f"{file.path}: {counted(overlapping, 'nested or overlapping mention')}: documents here have flat mentions; "
            "`read: {drop: true}` in the annotator's entry leaves these out, the longest stay"
        )
    annotations = [read.get(document.id, Annotation(document.id, failure=_ABSENT)) for document in documents]
    present = len(wanted & read.keys())
    if documents and not present:
        first = f", whose first is {unknown[0]}" if unknown else ""
        raise UserError(
            f"{file.path}: has none of the round's {counted(len(documents), 'document')} (first {documents[0].id!r}) "
            f"among its {len(file.rows)}{first}; leave {annotator.name} out of annotator_files, or give it labels of "
            "these"
        )
    parts = [f"read as {file.read_as}"] if file.read_as else []
    parts += [f"{present} of {counted(len(documents), 'document')}"] if present < len(documents) else []
    if unknown:
        parts.append(
            f"{len(unknown)} of the file's {len(file.rows)} are in no pilot set (first {unknown[0]}) and not used"
        )
    return GivenLabels(annotations, "; ".join(parts))


def _document_of(
    row: GivenRow, pilot: Mapping[str, Document], by_text: Mapping[str, deque[Document]]
) -> Document | None:
    if row.id is not None and row.id in pilot:
        return pilot[row.id]
    same = by_text.get(_visible(row.tokens if row.text is None else [row.text]))
    return same.popleft() if same else None


def _by_text(pilot: Mapping[str, Document]) -> dict[str, deque[Document]]:
    """Return the documents by their visible text: those of the same text wait for rows without id in their order."""
    found: dict[str, deque[Document]] = defaultdict(deque)
    for document in pilot.values():
        found[_visible([document.text])].append(document)
    return found


def _mentions(row: GivenRow, document: Document) -> list[Mention] | None:
    """Return a row's spans as mentions of the document; None if the row is of another text."""
    try:
        if row.tokens is None and row.text is None:
            return in_characters(document, (row.spans or ()))
        if row.tokens is None:
            if row.text != document.text:
                return None
            return [(span.start, span.end, span.type) for span in (row.spans or ())]
        if _visible(row.tokens) != _visible([document.text]):
            return None
        token_offsets(row.tokens, document.text)
        return in_characters(Document(document.id, row.tokens, document.text), (row.spans or ()))
    except UserError as error:
        raise UserError(f"{row.where}: {error}") from None


def _visible(parts: Iterable[str] | None) -> str:
    return "".join("".join(part.split()) for part in parts or ())


def _called(row: GivenRow) -> str:
    if row.id is not None:
        return repr(row.id)
    return f"{' '.join(row.tokens or ()) if row.text is None else row.text!r:.60}"


def _difference(row: GivenRow, document: Document) -> str:
    theirs = " ".join(row.tokens or ()) if row.text is None else row.text
    ours = document.text
    place = next((i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), min(len(theirs), len(ours)))
    begin = max(0, place - _AROUND // 2)
    return f"has {theirs[begin : begin + _AROUND]!r} where the benchmark has {ours[begin : begin + _AROUND]!r}"
