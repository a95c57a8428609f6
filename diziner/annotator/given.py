"""Labels that come as a file, from people or another system, as one annotator's rows for a round's documents.

Its rows are matched to documents by id, or by text where they have no ids. The text must be the same but for white
space between tokens: labels of another text are labels of something else.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from diziner.annotator.outside import Mention, Placing, in_characters
from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import UserError
from diziner.common.files import read_text
from diziner.records.annotations import ABSENT, Annotation, Failure, Span
from diziner.records.documents import Document, token_offsets

_ABSENT = Failure(ABSENT, "not in the annotator's file")
_AROUND = 20  # characters that a message shows of a text, from its first difference on


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A row of such a file: `spans` are positions of `tokens`, of the benchmark's where it has neither tokens nor text,
    and else characters of `text`."""

    where: str
    id: str | None
    text: str | None
    tokens: tuple[str, ...] | None
    spans: tuple[Span, ...]
    failure: Failure | None = None


class GivenLabels(NamedTuple):
    """One row per document of a round, in order, and a line about the file where not all of it was used."""

    annotations: list[Annotation]
    note: str


def given_labels(
    path: Path,
    rows: Iterable[GivenRow],
    documents: Sequence[Document],
    pilot: Mapping[str, Document],
    labels: Sequence[str],
    annotator: AnnotatorSettings,
) -> GivenLabels:
    """Return an annotator's rows for the documents of a round; a document that the file lacks is a failure `absent`.

    `pilot` are the documents of all rounds by id, `labels` the guideline's.
    Errors: UserError for an id that occurs twice, other text than a document's, types that the guideline has not, and
    a file without any document of the round; each with counts.
    """
    placing = Placing(labels, annotator.type_map)
    wanted = {document.id for document in documents}
    by_text = _by_text(pilot)
    read: dict[str, Annotation] = {}
    places: dict[str, str] = {}
    unknown: list[str] = []
    other: list[str] = []
    given = list(rows)
    for row in given:
        document = _document_of(row, pilot, by_text)
        if document is None:
            unknown.append(_called(row))
            continue
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
            f"{path}: {len(other)} of its {len(given)} documents have other text than the benchmark's: {other[0]}; "
            "labels must be of the same text"
        )
    placing.refuse_other_types(str(path))
    annotations = [read.get(document.id, Annotation(document.id, failure=_ABSENT)) for document in documents]
    present = len(wanted & read.keys())
    if documents and not present:
        first = f", whose first is {unknown[0]}" if unknown else ""
        raise UserError(
            f"{path}: has none of the round's {len(documents)} documents (first {documents[0].id!r}) among its "
            f"{len(given)}{first}; leave {annotator.name} out of annotator_files, or give it labels of these"
        )
    parts = [f"{present} of {len(documents)} documents"] if present < len(documents) else []
    if unknown:
        parts.append(f"{len(unknown)} of the file's {len(given)} are in no pilot set (first {unknown[0]}) and not used")
    return GivenLabels(annotations, "; ".join(parts))


def read_own_rows(path: Path) -> list[GivenRow]:
    """Read JSON Lines with id, text or tokens, and spans: the project's own rows of annotations, gold and labellings.

    Spans are `[start, end, label]`: positions of tokens if a row has tokens or no text, else characters of the text.
    Errors: UserError with file and line for a row that is something else.
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            where = f"{path}:{number}"
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{where}: not JSON: {error.msg}") from None
            rows.append(_row(value, where))
    return rows


def _row(value: Any, where: str) -> GivenRow:
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: {value!r:.80} is no row: it must have id or text, and spans")
    name, text, tokens, failure = (value.get(key) for key in ("id", "text", "tokens", "failure"))
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not (name is None or isinstance(name, str)) or not (text is None or isinstance(text, str)):
        raise UserError(f"{where}: id and text must be strings")
    if tokens is not None and not (isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)):
        raise UserError(f"{where}: tokens must be a list of strings")
    if not name and text is None and tokens is None:
        raise UserError(f"{where}: has neither id nor text: of which document are these labels?")
    if failure is not None:
        if not (isinstance(failure, Mapping) and all(isinstance(failure.get(key), str) for key in ("code", "detail"))):
            raise UserError(f"{where}: failure: {failure!r:.80} is neither null nor a code with a detail")
        return GivenRow(where, name or None, text, _tuple(tokens), (), Failure(failure["code"], failure["detail"]))
    listed = value.get("spans")
    if not isinstance(listed, list):
        raise UserError(f"{where}: spans must be a list (one without mentions has []), found {listed!r:.80}")
    return GivenRow(where, name or None, text, _tuple(tokens), tuple(_span(item, where) for item in listed))


def _span(item: Any, where: str) -> Span:
    if isinstance(item, list) and len(item) == 3:
        start, end, label = item
        if type(start) is int and type(end) is int and isinstance(label, str) and label:
            return Span(start, end, label)
    raise UserError(f"{where}: span {item!r:.80} is not [start, end, label]")


def _tuple(tokens: list[str] | None) -> tuple[str, ...] | None:
    return None if tokens is None else tuple(tokens)


def _document_of(
    row: GivenRow, pilot: Mapping[str, Document], by_text: Mapping[str, deque[Document]]
) -> Document | None:
    if row.id is not None:
        return pilot.get(row.id)
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
            return in_characters(document, row.spans)
        if row.tokens is None:
            if row.text != document.text:
                return None
            return [(span.start, span.end, span.type) for span in row.spans]
        if _visible(row.tokens) != _visible([document.text]):
            return None
        token_offsets(row.tokens, document.text)
        return in_characters(Document(document.id, row.tokens, document.text), row.spans)
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
