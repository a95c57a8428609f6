"""Candidate spans: what nested annotations are analysed by, in place of tokens.

A candidate is the bounds of a span that at least one annotator marked. Every measure that works on a row of labels per
token works on a row of labels per candidate: its label is the type that an annotator gave these bounds, or O. So a
document is stood for by one whose tokens are its candidates, and spans that may be nested by spans of one such token.
Where an annotator gives the same bounds two types, each type is a candidate of its own there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diziner.agreement.checks import refuse_span
from diziner.agreement.encoding import Ints, Mask
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document

Place = tuple[int, int, str]  # first token, one past the last, type where the bounds have several; else ""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Candidates of documents, by document id, in order of first token, then the longer first, then type."""

    originals: Mapping[str, Document]
    places: Mapping[str, tuple[Place, ...]]

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents whose tokens are the candidates, as their texts are; one without candidates has none."""
        found = []
        for name, document in self.originals.items():
            texts = tuple(" ".join(document.tokens[start:end]) for start, end, _ in self.places[name])
            found.append(Document(name, texts, document.text))
        return tuple(found)

    def rows(self, annotations: Sequence[Annotation]) -> list[Annotation]:
        """Return annotations with spans of candidates."""
        return [replace(row, spans=self.units(row.id, row.spans), characters=()) for row in annotations]

    def units(self, document: str, spans: Iterable[Span]) -> tuple[Span, ...]:
        """Return a document's spans as spans of one candidate each."""
        index = {place: number for number, place in enumerate(self.places[document])}
        found = {(index.get((s.start, s.end, s.type), index.get((s.start, s.end, ""), -1)), s.type) for s in spans}
        return tuple(Span(number, number + 1, label) for number, label in sorted(found))

    def spans(self, units: Mapping[str, Sequence[Span]]) -> dict[str, tuple[Span, ...]]:
        """Return spans of tokens for spans of candidates, sorted."""
        return {
            name: tuple(sorted(Span(*self.places[name][unit.start][:2], unit.type) for unit in own))
            for name, own in units.items()
        }

    def bounds(self, documents: Sequence[Document]) -> tuple[Ints, Ints]:
        """Return the first token and one past the last of every candidate of these documents, one after another."""
        places = [place for document in documents for place in self.places[document.id]]
        return np.array([p[0] for p in places], np.int64), np.array([p[1] for p in places], np.int64)


def candidates_of(
    documents: Sequence[Document], annotations: Mapping[str, Sequence[Annotation]], types: Sequence[str]
) -> Candidates:
    """Return the candidates of documents.

    Errors: UserError for a span that is empty, outside its document or of an unknown type.
    """
    originals = {document.id: document for document in sorted(documents, key=lambda document: document.id)}
    known = set(types)
    types_at: dict[str, dict[tuple[int, int], set[str]]] = {name: defaultdict(set) for name in originals}
    several: dict[str, set[tuple[int, int]]] = {name: set() for name in originals}
    for name, rows in annotations.items():
        for row in rows:
            if row.id not in originals:
                continue  # the analysis says so
            document = originals[row.id]
            seen: set[tuple[tuple[int, int], str]] = set()
            for span in row.spans:
                if span.type not in known or not 0 <= span.start < span.end <= len(document.tokens):
                    refuse_span(span, name, document, sorted(types))
                bounds = span.start, span.end
                types_at[row.id][bounds].add(span.type)
                if (bounds, span.type) not in seen and any(other == bounds for other, _ in seen):
                    several[row.id].add(bounds)
                seen.add((bounds, span.type))
    places = {}
    for name, own in types_at.items():
        found: list[Place] = []
        for (start, end), labels in own.items():
            split = (start, end) in several[name]
            found += [(start, end, label) for label in labels] if split else [(start, end, "")]
        places[name] = tuple(sorted(found, key=lambda place: (place[0], -place[1], place[2])))
    return Candidates(originals, places)


def blocks_of_spans(hot: Mask, start: Ints, end: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Return blocks of candidates: hot ones of one document that share tokens, directly or through others, and the cold
    ones between them. `start` and `end` are the candidates' tokens.

    >>> bounds = np.array([0, 1, 6]), np.array([4, 2, 7])
    >>> first, last = blocks_of_spans(np.array([True, True, True]), *bounds, np.array([0, 3]))
    >>> list(zip(first.tolist(), last.tolist()))
    [(0, 2), (2, 3)]
    """
    document = np.searchsorted(offsets, np.arange(len(hot)), side="right")
    firsts: list[int] = []
    lasts: list[int] = []
    reach = -1
    for unit in np.flatnonzero(hot).tolist():
        if firsts and document[unit] == document[firsts[-1]] and start[unit] < reach:
            lasts[-1], reach = unit + 1, max(reach, int(end[unit]))
        else:
            firsts.append(unit)
            lasts.append(unit + 1)
            reach = int(end[unit])
    return np.array(firsts, np.int64), np.array(lasts, np.int64)
