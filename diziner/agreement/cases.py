"""Cases of disagreement: places of documents that annotators read differently, with all that they gave there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document

Reading = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One place of a document, tokens `[start, end)`, and what annotators gave there.

    The place is as wide as the mentions that overlap in it, directly or through others, whoever gave them. `readings`
    are the mentions of one or more annotators (none: they left it unmarked), most annotators first, then in order of
    the mentions; those who failed on the document are nowhere.

    A mention in which some annotator has two or more side by side is a place of its own, whether this is one mention or
    several; what is inside it is asked of those alone who do not have it. So one that marks a whole sentence hides no
    disagreement of others within.
    """

    document: str
    start: int
    end: int
    readings: tuple[tuple[Reading, tuple[str, ...]], ...]

    @property
    def differing(self) -> int:
        """Number of pairs of annotators that read the place differently."""
        counts = [len(names) for _, names in self.readings]
        return (sum(counts) ** 2 - sum(count * count for count in counts)) // 2


def cases_of(documents: Sequence[Document], annotations: Mapping[str, Sequence[Annotation]]) -> list[Case]:
    """Return the cases of all documents, in their order and by position.

    >>> document = Document("d", ("Bank", "of", "England"), "Bank of England")
    >>> long, short = (Annotation("d", (Span(start, 3, "ORG"),)) for start in (0, 2))
    >>> [case] = cases_of([document], {"a": [long], "b": [short], "c": [short]})
    >>> (case.start, case.end, case.differing), case.readings[0]
    ((0, 3, 2), ((Span(start=2, end=3, type='ORG'),), ('b', 'c')))
    """
    rows = {name: {row.id: row for row in own} for name, own in annotations.items()}
    found: list[Case] = []
    for document in documents:
        answers = {name: own[document.id] for name, own in sorted(rows.items()) if document.id in own}
        spans = {name: sorted(set(row.spans)) for name, row in answers.items() if row.failure is None}
        found += sorted(_of_document(document.id, spans), key=lambda case: (case.start, -case.end))
    return found


def _of_document(name: str, spans: Mapping[str, Sequence[Span]]) -> Iterator[Case]:
    first = next(iter(spans.values()), ())
    if all(own == first for own in spans.values()):
        return
    every = {span for own in spans.values() for span in own}
    wide = {
        span
        for span in every
        if span.end - span.start > 1 and any(_parts_side_by_side(span, own) for own in spans.values())
    }
    for start, end in _places(wide):
        if len({tuple(_within(start, end, own, wide)) for own in spans.values()}) > 1:
            yield from _case(name, start, end, {who: _within(start, end, own, every) for who, own in spans.items()})
    narrow = every - wide
    for start, end in _places(narrow):
        readings = {who: _within(start, end, own, narrow) for who, own in spans.items()}
        if not wide:
            yield from _case(name, start, end, readings)
            continue
        around = {who: set(_within(start, end, own, wide)) for who, own in spans.items()}
        # Where mentions may stand inside others, one of the same whole mention could have given the part as well.
        nested = {span for who, whole in around.items() if readings[who] for span in whole}
        hidden = {who for who, whole in around.items() if whole and not readings[who] and not whole & nested}
        yield from _case(name, start, end, {who: own for who, own in readings.items() if who not in hidden})


def _case(name: str, start: int, end: int, readings: Mapping[str, Reading]) -> Iterator[Case]:
    by_reading: dict[Reading, list[str]] = {}
    for who, reading in readings.items():
        by_reading.setdefault(reading, []).append(who)
    if len(by_reading) > 1:
        ranked = sorted(by_reading.items(), key=lambda item: (-len(item[1]), item[0]))
        yield Case(name, start, end, tuple((what, tuple(who)) for what, who in ranked))


def _parts_side_by_side(span: Span, own: Sequence[Span]) -> bool:
    """Say whether an annotator has two mentions inside a span that share no token."""
    inside = [(other.end, other.start) for other in own if span.start <= other.start and other.end <= span.end]
    return bool(inside) and min(inside)[0] <= max(start for _, start in inside)


def _within(start: int, end: int, own: Sequence[Span], among: Set[Span]) -> Reading:
    return tuple(span for span in own if span in among and span.start < end and start < span.end)


def _places(spans: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each run of overlapping spans."""
    start = end = -1
    for span in sorted(spans):
        if span.start < end:
            end = max(end, span.end)
            continue
        if end > start:
            yield start, end
        start, end = span.start, span.end
    if end > start:
        yield start, end
