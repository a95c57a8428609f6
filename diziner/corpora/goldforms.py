"""Forms of gold: tag schemes and span lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.corpora.texts import TokenText
from diziner.forms.rows import TOKENS
from diziner.records.annotations import Span
from diziner.records.documents import Range, tokens_touched


class GivenSpans(NamedTuple):
    """Spans as listed, their characters, and around how many of them white space was left out."""

    spans: list[Span]
    characters: list[Range]
    trimmed: int


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


def read_spans(value: object, text: TokenText, unit: str) -> GivenSpans:
    """Read spans as token positions and characters; see `Decoder.decode` for the forms. `unit` says which they are.

    Raises:
        UserError: a span is of the wrong kind, empty, out of range, or covers blank tokens only.
    """
    listed = _listed(value)
    before = [0, *accumulate(map(int, text.kept))]  # blank tokens left out: old position -> new
    spans, characters, trimmed = [], [], 0
    by_tokens = unit == TOKENS
    for start, end, label in listed:
        length = len(text.kept) if by_tokens else len(text.text)
        if not 0 <= start < end <= length:
            hint = "; if ends are included: --spans tokens-inclusive" if by_tokens and start == end else ""
            raise UserError(
                f"span [{start}, {end}) is empty or outside the {counted(length, unit.removesuffix('s'))}{hint}"
            )
        if by_tokens:
            first, last = before[start], before[end]
        else:
            first, last = tokens_touched(text.offsets, start, end)
        if first >= last:
            raise UserError(f"span [{start}, {end}) of {label!r} covers no visible text")
        whole = text.offsets[first][0], text.offsets[last - 1][1]
        place = whole if by_tokens else (max(start, whole[0]), min(end, whole[1]))
        trimmed += not by_tokens and place != (start, end)
        spans.append(Span(first, last, label))
        characters.append(place)
    return GivenSpans(spans, characters, trimmed)


def bounds_of(value: object) -> list[int]:
    """Return the numbers at which listed spans begin and end."""
    return [bound for start, end, _ in _listed(value) for bound in (start, end)]


def _listed(value: object) -> list[tuple[int, int, str]]:
    if not isinstance(value, list):
        raise UserError(f"spans must be a list, found {value!r:.80}")
    return [_bounds(item) for item in value]


def _bounds(item: object) -> tuple[int, int, str]:
    if isinstance(item, Mapping):
        item = [item.get("start"), item.get("end"), item.get("label", item.get("type"))]
    if isinstance(item, list | tuple) and len(item) == 3:
        start, end, label = item
        numbers = all(isinstance(each, int) and not isinstance(each, bool) for each in (start, end))
        if numbers and isinstance(label, str) and label:
            return start, end, label
    raise UserError(f"span {item!r:.80} is not [start, end, label] with whole numbers and a label")
