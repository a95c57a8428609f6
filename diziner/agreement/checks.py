"""Checks of an analysis' input: each refusal is one line that names the annotator and the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document


def check_inputs(
    ordered: Sequence[Document], annotations: Mapping[str, Sequence[Annotation]], types: Sequence[str]
) -> None:
    """Refuse an analysis of nothing, repeated documents, and types that cannot be told apart."""
    if not annotations:
        raise UserError("no annotators: an analysis needs at least one")
    if not ordered:
        raise UserError("no documents: an analysis needs at least one")
    for before, after in pairwise(ordered):
        if before.id == after.id:
            raise UserError(f"document {after.id!r} is given twice; ids must be unique")
    if len(set(types)) < len(types) or "O" in types:
        raise UserError(f"types must differ from each other and from O; given: {', '.join(types)}")


def rows_of(name: str, given: Sequence[Annotation], ordered: Sequence[Document]) -> list[Annotation]:
    """Return an annotator's rows in the order of the documents: one for each, no other."""
    ids = [document.id for document in ordered]
    if [row.id for row in given] == ids:  # as most files have them
        return list(given)
    by_id = {row.id: row for row in given}
    if len(by_id) == len(given) == len(ids) and all(map(by_id.__contains__, ids)):
        return [by_id[document] for document in ids]
    known = set(ids)
    seen: set[str] = set()
    for row in given:
        if row.id not in known:
            raise UserError(f"annotator {name!r} has a row for document {row.id!r}, which is not in the set")
        if row.id in seen:
            raise UserError(f"annotator {name!r} has two rows for document {row.id!r}; one is allowed")
        seen.add(row.id)
    absent = min(known - seen)
    raise UserError(f"annotator {name!r} has no row for document {absent!r}; annotate it again")


def check_common_answers(names: Sequence[str], given: NDArray[np.bool_], rows: Sequence[Sequence[Annotation]]) -> None:
    """Refuse an annotator without answers (A x D mask), and a pair without a document in common."""
    for name, own, answers in zip(names, given, rows, strict=True):
        if not own.any():
            failures = [(row.id, row.failure.code) for row in answers if row.failure is not None]
            document, code = failures[0]
            raise UserError(
                f"annotator {name!r} answered none of {counted(len(answers), 'document')} "
                f"(first: {document!r}, {code}); annotate again or leave it out"
            )
    counts = given.astype(np.int64)
    lonely = np.argwhere(counts @ counts.T == 0)
    if len(lonely):
        first_index, second_index = lonely[0].tolist()
        document = rows[first_index][int(given[first_index].argmax())].id
        raise UserError(
            f"annotators {names[first_index]!r} and {names[second_index]!r} answered no document in common "
            f"(only the first answered {document!r}), so their agreement is undefined; annotate again"
        )


def refuse_span(span: Span, name: str, document: Document, labels: Sequence[str]) -> NoReturn:
    """Say what is wrong with a span that is empty, out of range, or of an unknown type."""
    where = f"annotator {name!r}, document {document.id!r}: span {span.start}-{span.end}"
    if span.type not in labels:
        raise UserError(f"{where} has type {span.type!r}; allowed: {', '.join(labels) or 'none'}")
    raise UserError(f"{where} is empty or outside the document's {counted(len(document.tokens), 'token')}")
