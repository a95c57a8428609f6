"""Codec between BIO2 tags and spans, the only one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from diziner.common.errors import UserError
from diziner.records.annotations import Span

OUTSIDE = "O"


def tags_to_spans(tags: Sequence[str]) -> tuple[Span, ...]:
    """Decode one BIO2 tag per token into sorted spans without overlap.

    `B-X` opens a span, `I-X` extends a span of type X, `O` closes. An ill-formed `I-X` (first in the
    sentence, after `O`, or after another type) opens a new span, as conlleval and seqeval's default
    decode it; `ill_formed` counts these. No tags give no spans.

    Raises:
        UserError: a tag is not `O`, `B-<type>` or `I-<type>`; the message names it and its position.
    """
    return tuple(Span(start, end, label) for start, end, label, _ in _runs(tags))


def ill_formed(tags: Sequence[str]) -> int:
    """Count the `I-` tags that `tags_to_spans` repairs by opening a span: 0 for valid BIO2. Same errors."""
    return sum(repaired for _, _, _, repaired in _runs(tags))


def spans_to_tags(spans: Iterable[Span], length: int) -> tuple[str, ...]:
    """Encode spans, in any order, as `length` BIO2 tags: the inverse of `tags_to_spans`.

    Raises:
        ValueError: a span is empty, out of `[0, length)`, without a type, or overlaps another.
    """
    tags = [OUTSIDE] * length
    for span in sorted(spans):
        if not 0 <= span.start < span.end <= length:
            raise ValueError(f"{span} is empty or outside the {length} tokens")
        if not span.type:
            raise ValueError(f"{span} has no type")
        # In sorted order, an earlier span that overlaps this one covers this one's first token.
        if tags[span.start] != OUTSIDE:
            raise ValueError(f"{span} overlaps another span; resolve overlaps before encoding")
        tags[span.start : span.end] = [f"B-{span.type}"] + [f"I-{span.type}"] * (span.end - span.start - 1)
    return tuple(tags)


def _runs(tags: Sequence[str]) -> Iterator[tuple[int, int, str, bool]]:
    """Yield (start, end, type, opened by an ill-formed I-) from left to right."""
    start, open_type, repaired = 0, "", False
    for position, tag in enumerate(tags):
        prefix, label = _split(tag, position)
        if prefix == "I" and label == open_type:
            continue
        if open_type:
            yield start, position, open_type, repaired
        start, open_type, repaired = position, label, prefix == "I"
    if open_type:
        yield start, len(tags), open_type, repaired


def _split(tag: str, position: int) -> tuple[str, str]:
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, _, label = tag.partition("-")
    if prefix not in ("B", "I") or not label:
        raise UserError(f"tag {tag!r} at position {position} is not BIO2: use O, B-<type> or I-<type>")
    return prefix, label
