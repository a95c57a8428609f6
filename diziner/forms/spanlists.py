"""Lists of spans in JSON, under all the names that tools give to start, end, label and the span's own text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from diziner.common.errors import UserError

_STARTS = (
    "start",
    "start_offset",
    "startOffset",
    "start_char",
    "start_pos",
    "char_start",
    "start_index",
    "begin",
    "from",
)
_ENDS = ("end", "end_offset", "endOffset", "end_char", "end_pos", "char_end", "end_index", "stop", "to")
_PLACES = ("span", "pos", "position", "offsets", "offset", "indices", "loc", "char_interval", "points")
_LABELS = ("label", "type", "entity_type", "entity_group", "label_", "category", "class", "tag", "labels", "types")
_MORE_LABELS = ("extraction_class", "class_name", "entity", "ner")
_TEXTS = (
    "text",
    "word",
    "mention",
    "surface",
    "surface_form",
    "extraction_text",
    "entity_text",
    "string",
    "value",
    "name",
)


class Given(NamedTuple):
    """A span as it is written down: `pieces` of which it consists, two or more if it is discontinuous, its label, the
    text that it says it has, and its tokens (first and last, included) where it names these too."""

    pieces: tuple[tuple[int, int], ...]
    label: str | int
    text: str | None = None
    tokens: tuple[int, int] | None = None

    @property
    def start(self) -> int:
        return self.pieces[0][0]

    @property
    def end(self) -> int:
        return self.pieces[-1][1]


def given_spans(value: object) -> list[Given]:
    """Read a list of spans, or a mapping of labels to places (CLUENER).

    Errors: UserError for anything else, such as spans without a place or a label.
    """
    if isinstance(value, Mapping):
        return list(_by_label(value))
    if not isinstance(value, list):
        raise UserError(f"spans must be a list, found {value!r:.80}")
    return [span for item in value for span in _read(item)]


def looks_like_spans(value: object) -> bool:
    """Whether a value is a list of spans, or a mapping of such, of which there is at least one."""
    try:
        return isinstance(value, list | Mapping) and bool(given_spans(value))
    except UserError:
        return False


def _read(item: object) -> Iterator[Given]:
    if isinstance(item, Mapping) and isinstance(item.get("points"), list) and len(item["points"]) > 1:
        # DataTurks: as many mentions of one label.
        for point in item["points"]:
            yield from _read({**item, "points": [point]})
        return
    if isinstance(item, Mapping):
        pieces, labels = _pieces(item), _labels_of(item)
        if pieces and labels:
            text, tokens = _own_text(item), _tokens_of(item)
            yield from (Given(pieces, label, text, tokens) for label in labels)
            return
    elif isinstance(item, list | tuple):
        numbers = [each for each in item if _is_number(each)]
        strings = [each for each in item if isinstance(each, str) and each]
        if len(numbers) == 2 and strings and len(item) == len(numbers) + len(strings) <= 4:
            yield Given(((numbers[0], numbers[1]),), strings[0], strings[1] if len(strings) > 1 else None)
            return
        if len(numbers) == len(item) == 3:
            yield Given(((numbers[0], numbers[1]),), numbers[2])
            return
    raise UserError(f"span {item!r:.80} is not [start, end, label] with whole numbers and a label")


def _by_label(value: Mapping[Any, Any]) -> Iterator[Given]:
    for label, places in value.items():
        listed = places.items() if isinstance(places, Mapping) else [(None, places)]
        for text, ranges in listed:
            for place in ranges if isinstance(ranges, list) else [ranges]:
                pieces = _ranges(place)
                if not pieces:
                    raise UserError(f"spans of {label!r} have no places: {places!r:.80}")
                yield Given(pieces, str(label), text)


def _pieces(item: Mapping[Any, Any]) -> tuple[tuple[int, int], ...]:
    start = next((item[key] for key in _STARTS if _is_number(item.get(key))), None)
    end = next((item[key] for key in _ENDS if _is_number(item.get(key))), None)
    if start is not None and end is None and _is_number(item.get("length")):
        end = start + item["length"]
    if start is None and _is_number(item.get("offset")) and _is_number(item.get("length")):
        start, end = item["offset"], item["offset"] + item["length"]
    if start is not None and end is not None:
        return ((start, end),)
    return next((found for key in _PLACES if key in item and (found := _ranges(item[key]))), ())


def _ranges(value: object, depth: int = 3) -> tuple[tuple[int, int], ...]:
    """Return the ranges of a place: [s, e], [[s, e], [s, e]], or a mapping or mappings with start and end."""
    if isinstance(value, Mapping):
        return _pieces(value)
    if not isinstance(value, list | tuple) or not value or not depth:
        return ()
    if len(value) == 2 and all(map(_is_number, value)):
        return ((value[0], value[1]),)
    found = [_ranges(each, depth - 1) for each in value]
    return tuple(sorted(each for one in found for each in one)) if all(found) else ()


def _labels_of(item: Mapping[Any, Any]) -> list[str | int]:
    for key in (*_LABELS, *_MORE_LABELS):
        value = item.get(key)
        values: list[Any] = value if isinstance(value, list) else [value]
        if values and all((isinstance(each, str) and each) or _is_number(each) for each in values):
            return values
    return []


def _own_text(item: Mapping[Any, Any]) -> str | None:
    labelled = next((key for key in (*_LABELS, *_MORE_LABELS) if item.get(key)), "")
    names = [key for key in (*_TEXTS, "entity", "span") if key != labelled]
    found = next((item[key] for key in names if isinstance(item.get(key), str)), None)
    points = item.get("points")
    if found is None and isinstance(points, list) and len(points) == 1 and isinstance(points[0], Mapping):
        return _own_text(points[0])
    return found


def _tokens_of(item: Mapping[Any, Any]) -> tuple[int, int] | None:
    first, last = item.get("token_start"), item.get("token_end")
    return (first, last) if type(first) is int and type(last) is int else None


def _is_number(value: object) -> bool:
    return type(value) is int
