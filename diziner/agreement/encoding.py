"""Annotations as one matrix of integer codes, the form that every measure works on.

Codes of the K types, in alphabetical order: O is 0, `B-` of type k is 2k+1, `I-` is 2k+2, and 2K+1 stands
for a label that is missing because the annotator failed on the document. Annotators are in order of name
and documents in order of id, so the order in which they are given changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from diziner.agreement.checks import check_common_answers, check_inputs, refuse_span, rows_of
from diziner.common.errors import UserError
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document

Codes = NDArray[np.unsignedinteger]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable:
    """Every span of every annotator as columns of equal length, by annotator and start.

    `annotator` and `type` are indexes; `start` and `end` are positions in the joined documents.
    """

    annotator: Ints
    start: Ints
    end: Ints
    type: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """A annotators' labels for T tokens of D documents that at least one of them answered.

    `codes` is A x T, `answered` A x D, `offsets` D+1 positions where documents start (the last is T),
    `failed` counts each annotator's failures among all documents, `unanswered` names the documents
    that nobody answered and that are left out.
    """

    annotators: tuple[str, ...]
    types: tuple[str, ...]
    documents: tuple[Document, ...]
    offsets: Ints
    codes: Codes
    answered: Mask
    spans: SpanTable
    failed: Mapping[str, int]
    unanswered: tuple[str, ...]

    @property
    def missing(self) -> int:
        """The code of a missing label; also the number of real labels, 2K+1."""
        return 2 * len(self.types) + 1

    @property
    def tags(self) -> tuple[str, ...]:
        """The BIO2 tag of every code but `missing`."""
        return ("O", *(f"{prefix}-{name}" for name in self.types for prefix in "BI"))

    @property
    def document_of(self) -> Ints:
        """The index of each token's document."""
        return np.repeat(np.arange(len(self.documents)), np.diff(self.offsets))


def io_codes(codes: Codes) -> Codes:
    """Return codes without B and I: O is 0, type k is k+1 (and a missing label K+1).

    >>> io_codes(np.array([0, 1, 2, 3, 4], np.uint8)).tolist()
    [0, 1, 1, 2, 2]
    """
    return (codes + np.asarray(1, codes.dtype)) >> np.asarray(1, codes.dtype)


def encode(
    documents: Sequence[Document], annotations: Mapping[str, Sequence[Annotation]], types: Sequence[str]
) -> Corpus:
    """Check annotations against documents and types, and turn them into one Corpus.

    Errors: UserError where there is no annotator or document, ids repeat or differ between documents and
    annotations, an annotator answered nothing, two annotators answered no document in common, or a span
    is out of range, overlaps another or has a type that is not in `types`.
    """
    ordered = sorted(documents, key=lambda document: document.id)
    check_inputs(ordered, annotations, types)
    names = tuple(sorted(annotations))
    rows = [rows_of(name, annotations[name], ordered) for name in names]
    given = np.array([[row.failure is None for row in own] for own in rows])
    check_common_answers(names, given, rows)
    kept: Mask = np.logical_or.reduce(given)
    if not kept.all():
        rows = [[row for row, keep in zip(own, kept, strict=True) if keep] for own in rows]
    analysed = tuple(document for document, keep in zip(ordered, kept, strict=True) if keep)
    offsets = np.zeros(len(analysed) + 1, np.int64)
    np.cumsum([len(document.tokens) for document in analysed], out=offsets[1:])
    labels = tuple(sorted(types))
    answered = given[:, kept]
    spans = _span_table(names, analysed, rows, labels, offsets)
    return Corpus(
        annotators=names,
        types=labels,
        documents=analysed,
        offsets=offsets,
        codes=_code_matrix(spans, answered, offsets, len(labels)),
        answered=answered,
        spans=spans,
        failed=dict(zip(names, (~given).sum(axis=1).tolist(), strict=True)),
        unanswered=tuple(document.id for document, keep in zip(ordered, kept, strict=True) if not keep),
    )


def _span_table(
    names: Sequence[str],
    documents: Sequence[Document],
    rows: Sequence[Sequence[Annotation]],
    labels: Sequence[str],
    offsets: Ints,
) -> SpanTable:
    # One walk over all spans: they lie all over memory, and each look at one is what takes time.
    counts: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    names_of: list[str] = []
    for row in chain.from_iterable(rows):
        counts.append(len(row.spans))
        for span in row.spans:
            starts.append(span.start)
            ends.append(span.end)
            names_of.append(span.type)
    annotator, document = np.divmod(np.repeat(np.arange(len(counts)), counts), max(len(documents), 1))
    index = {label: number for number, label in enumerate(labels)}
    types = np.fromiter(map(index.get, names_of, repeat(-1)), np.int64, len(names_of))
    start, end = np.array(starts, np.int64), np.array(ends, np.int64)
    wrong = (types < 0) | (start < 0) | (start >= end) | (end > np.diff(offsets)[document])
    if wrong.any():
        first = int(wrong.argmax())
        span = Span(starts[first], ends[first], names_of[first])
        refuse_span(span, names[annotator[first]], documents[document[first]], labels)
    start, end = start + offsets[document], end + offsets[document]
    same = annotator[1:] == annotator[:-1]
    if (same & (start[1:] < start[:-1])).any():
        order = np.lexsort((start, annotator))
        annotator, document, types, start, end = (column[order] for column in (annotator, document, types, start, end))
    overlaps = same & (start[1:] < end[:-1])
    if overlaps.any():
        first = int(overlaps.argmax())
        place = documents[document[first]]
        at = int(start[first + 1] - offsets[document[first]])
        raise UserError(
            f"annotator {names[annotator[first]]!r}, document {place.id!r}: two spans cover token {at}; "
            "resolve overlaps before the analysis"
        )
    return SpanTable(annotator, start, end, types)


def _code_matrix(spans: SpanTable, answered: Mask, offsets: Ints, types: int) -> Codes:
    tokens = int(offsets[-1])
    missing = 2 * types + 1
    codes: Codes = np.zeros((len(answered), tokens), np.min_scalar_type(missing + 1))
    flat = codes.ravel()
    first = spans.annotator * tokens + spans.start
    lengths = spans.end - spans.start
    # Positions of all tokens of all spans: each span's first position plus 0, 1, 2, … inside it.
    inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    flat[np.repeat(first, lengths) + inside] = np.repeat(2 * spans.type + 2, lengths)
    flat[first] = 2 * spans.type + 1
    for annotator, document in np.argwhere(~answered).tolist():
        codes[annotator, offsets[document] : offsets[document + 1]] = missing
    return codes
