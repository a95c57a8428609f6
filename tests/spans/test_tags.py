"""The BIO2 codec: round trips, repair of ill-formed tags, errors."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.spans.tags import ill_formed, spans_to_tags, tags_to_spans

TAGS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B"]), max_size=25)


@pytest.mark.parametrize(
    ("tags", "spans", "repairs"),
    [
        ([], (), 0),
        (["O", "O"], (), 0),
        (["B-PER", "I-PER", "O", "B-LOC"], (Span(0, 2, "PER"), Span(3, 4, "LOC")), 0),
        (["B-PER", "B-PER"], (Span(0, 1, "PER"), Span(1, 2, "PER")), 0),
        (["I-PER", "I-PER"], (Span(0, 2, "PER"),), 1),
        (["O", "I-LOC"], (Span(1, 2, "LOC"),), 1),
        (["B-PER", "I-LOC", "I-LOC"], (Span(0, 1, "PER"), Span(1, 3, "LOC")), 1),
        (["I-PER", "I-LOC", "I-PER"], (Span(0, 1, "PER"), Span(1, 2, "LOC"), Span(2, 3, "PER")), 3),
        (["B-DNA-part", "I-DNA-part"], (Span(0, 2, "DNA-part"),), 0),
    ],
)
def test_decoding(tags: list[str], spans: tuple[Span, ...], repairs: int) -> None:
    assert tags_to_spans(tags) == spans
    assert ill_formed(tags) == repairs


@pytest.mark.parametrize("tag", ["b-PER", "X-PER", "PER", "", "B-", "I-", "B", "o", "B_PER", "S-PER"])
def test_tags_outside_bio2_are_refused_by_name_and_position(tag: str) -> None:
    with pytest.raises(UserError) as error:
        tags_to_spans(["O", "B-PER", tag])
    assert repr(tag) in str(error.value)
    assert "position 2" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError):
        ill_formed([tag])


@given(TAGS)
def test_encoding_inverts_decoding_up_to_repairs(tags: list[str]) -> None:
    spans = tags_to_spans(tags)
    encoded = spans_to_tags(spans, len(tags))
    assert tags_to_spans(encoded) == spans
    assert ill_formed(encoded) == 0
    changed = [(was, now) for was, now in zip(tags, encoded, strict=True) if was != now]
    assert len(changed) == ill_formed(tags)
    assert all(was.replace("I-", "B-", 1) == now for was, now in changed)


@given(TAGS, st.randoms(use_true_random=False))
def test_encoding_ignores_the_order_of_spans(tags: list[str], shuffler: random.Random) -> None:
    spans = list(tags_to_spans(tags))
    shuffled = shuffler.sample(spans, len(spans))
    assert spans_to_tags(shuffled, len(tags)) == spans_to_tags(spans, len(tags))


@pytest.mark.parametrize(
    "spans",
    [
        [Span(0, 2, "A"), Span(1, 3, "B")],
        [Span(0, 3, "A"), Span(1, 2, "A")],
        [Span(0, 1, "A"), Span(0, 1, "B")],
        [Span(0, 5, "A")],
        [Span(-1, 1, "A")],
        [Span(2, 2, "A")],
        [Span(3, 2, "A")],
        [Span(0, 1, "")],
    ],
)
def test_spans_that_tags_cannot_hold_are_refused(spans: list[Span]) -> None:
    with pytest.raises(ValueError):
        spans_to_tags(spans, 4)
