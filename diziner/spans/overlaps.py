"""Overlap resolution: which of several competing spans stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from diziner.records.annotations import Span


def resolve_overlaps(spans: Iterable[Span], type_order: Sequence[str]) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Choose spans so that no two share a token; give (kept, dropped), each sorted.

    Greedy by priority: longest first, then earliest, then by the type's place in `type_order` (types
    not in it come last, by name). Every dropped span therefore overlaps a kept one of at least its
    length. Exact duplicates collapse into one and do not count as dropped. The order of `spans` has no
    effect. Method section 1 (entities to BIO).

    Raises:
        ValueError: a span is empty or starts before token 0.
    """
    rank: dict[str, int] = {}
    for place, label in enumerate(type_order):
        rank.setdefault(label, place)

    def priority(span: Span) -> tuple[int, int, int, str]:
        return (span.start - span.end, span.start, rank.get(span.type, len(rank)), span.type)

    kept: list[Span] = []
    dropped: list[Span] = []
    taken: set[int] = set()
    for span in sorted(set(spans), key=priority):
        if not 0 <= span.start < span.end:
            raise ValueError(f"{span} is empty or starts before token 0")
        # Spans kept so far are at least as long, so an overlap always covers one of this span's ends.
        if span.start in taken or span.end - 1 in taken:
            dropped.append(span)
        else:
            kept.append(span)
            taken.update(range(span.start, span.end))
    return tuple(sorted(kept)), tuple(sorted(dropped))


def are_flat(spans: Iterable[Span]) -> bool:
    """Return whether no two of the spans share a token.

    >>> are_flat([Span(2, 3, "DNA"), Span(0, 2, "DNA")]), are_flat([Span(0, 3, "DNA"), Span(1, 2, "RNA")])
    (True, False)
    """
    return all(one.end <= other.start for one, other in pairwise(sorted(spans)))
