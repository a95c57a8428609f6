"""Overlap resolution: priority, determinism, and that nothing is lost silently."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.records.annotations import Span
from diziner.spans.overlaps import resolve_overlaps

TYPES = ["PER", "ORG", "LOC"]
SPANS = st.lists(
    st.builds(
        lambda start, length, label: Span(start, start + length, label),
        st.integers(0, 12),
        st.integers(1, 6),
        st.sampled_from([*TYPES, "ZZZ", "AAA"]),
    ),
    max_size=14,
)


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([], ()),
        ([Span(0, 1, "PER"), Span(0, 2, "LOC")], (Span(0, 2, "LOC"),)),  # the longest
        ([Span(1, 3, "PER"), Span(0, 2, "LOC")], (Span(0, 2, "LOC"),)),  # then the earliest
        ([Span(0, 2, "LOC"), Span(0, 2, "PER")], (Span(0, 2, "PER"),)),  # then the order of types
        ([Span(0, 2, "ZZZ"), Span(0, 2, "LOC")], (Span(0, 2, "LOC"),)),  # unknown types come last
        ([Span(0, 2, "ZZZ"), Span(0, 2, "AAA")], (Span(0, 2, "AAA"),)),  # and among them, by name
        ([Span(2, 3, "PER"), Span(0, 2, "PER")], (Span(0, 2, "PER"), Span(2, 3, "PER"))),  # no overlap
        ([Span(0, 5, "PER"), Span(2, 3, "PER")], (Span(0, 5, "PER"),)),  # inside a kept span
    ],
)
def test_priority(spans: list[Span], kept: tuple[Span, ...]) -> None:
    assert resolve_overlaps(spans, TYPES)[0] == kept


def test_exact_duplicates_are_not_dropped_spans() -> None:
    assert resolve_overlaps([Span(0, 1, "PER")] * 3, TYPES) == ((Span(0, 1, "PER"),), ())


@given(SPANS, st.integers(0, 99))
def test_properties(spans: list[Span], seed: int) -> None:
    kept, dropped = resolve_overlaps(spans, TYPES)
    assert set(kept) | set(dropped) == set(spans)
    assert not set(kept) & set(dropped)
    assert list(kept) == sorted(kept)
    assert list(dropped) == sorted(dropped)
    assert not any(overlap(one, other) for one in kept for other in kept if one != other)
    for lost in dropped:
        assert any(overlap(lost, span) and span.end - span.start >= lost.end - lost.start for span in kept)
    shuffled = random.Random(seed).sample(spans, len(spans))
    assert resolve_overlaps(shuffled, TYPES) == (kept, dropped)
    assert resolve_overlaps(kept, TYPES) == (kept, ())


@pytest.mark.parametrize("span", [Span(2, 2, "PER"), Span(-1, 2, "PER"), Span(3, 1, "PER")])
def test_impossible_spans_are_refused(span: Span) -> None:
    with pytest.raises(ValueError):
        resolve_overlaps([span], TYPES)
