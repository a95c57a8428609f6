"""The forms in which gold comes: tag schemes and span lists."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from diziner.common.errors import UserError
from diziner.corpora.texts import TokenText
from diziner.records.annotations import Span


def to_bio(tags: Sequence[str]) -> tuple[list[str], int]:
    """Write BIOES and BILOU tags as B-, I- and O; other tags stay. Gives the tags and how many were mended:
    those that go on with a mention which E-, L-, S- or U- had closed; they open a new one."""
    result, mended, closed = [], 0, ""
    for tag in tags:
        prefix, _, label = tag.partition("-")
        is_inside = prefix in ("I", "E", "L")
        if prefix in ("S", "U") and label:
            result.append(f"B-{label}")
        elif is_inside and label and label == closed:
            result.append(f"B-{label}")
            mended += 1
        else:
            result.append(f"I-{label}" if is_inside and label else tag)
        closed = label if prefix in ("S", "U", "E", "L") else ""
    return result, mended


def read_spans(value: object, text: TokenText) -> tuple[list[Span], int]:
    """Read spans as token positions; see `Decoder.decode` for the forms. Gives the spans as listed,
    and how many of them began or ended inside a token of ours, to whose borders they were widened.

    Raises:
        UserError: a span is of the wrong kind, empty, out of range, or covers blank tokens only.
    """
    if not isinstance(value, list):
        raise UserError(f"spans must be a list, found {value!r:.80}")
    before = [0, *accumulate(map(int, text.kept))]  # blank tokens left out: old position -> new
    starts, ends = zip(*text.offsets, strict=True)
    spans, repairs = [], 0
    for item in value:
        start, end, label = _bounds(item)
        unit, length = ("tokens", len(text.kept)) if text.has_tokens else ("characters", len(text.text))
        if not 0 <= start < end <= length:
            raise UserError(f"span [{start}, {end}) is empty or outside the {length} {unit}")
        if text.has_tokens:
            first, last = before[start], before[end]
        else:
            first, last = bisect_right(ends, start), bisect_left(starts, end)
        if first == last:
            raise UserError(f"span [{start}, {end}) of {label!r} covers no visible text")
        if not text.has_tokens and (starts[first], ends[last - 1]) != (start, end):
            repairs += 1
        spans.append(Span(first, last, label))
    return spans, repairs


def _bounds(item: object) -> tuple[int, int, str]:
    if isinstance(item, Mapping):
        item = [item.get("start"), item.get("end"), item.get("label", item.get("type"))]
    if isinstance(item, list | tuple) and len(item) == 3:
        start, end, label = item
        numbers = all(isinstance(each, int) and not isinstance(each, bool) for each in (start, end))
        if numbers and isinstance(label, str) and label:
            return start, end, label
    raise UserError(f"span {item!r:.80} is not [start, end, label] with whole numbers and a label")
