"""Lists of spans in JSON, under all the names that tools give to start, end, label and the span's own text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from diziner.common.errors import UserError
from diziner.common.wholenumbers import whole_number

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
_PLACES = (
    "span",
    "pos",
    "position",
    "offsets",
    "offset",
    "indices",
    "loc",
    "char_interval",
    "points",
    "spans",
    "locations",
    "ranges",
)
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
# The same written in other ways, as letters alone: charStart, BeginOffset, entityLabel. Not of tokens or sentences.
_LEAD = "(?:char|character|text|span|entity|ent|mention|surface|matched|covered)?"
_PLACE = "(?:char|character)?(?:offset|index|idx|pos|position)?"
_LIKE_STARTS = re.compile(f"{_LEAD}(?:offset)?(?:start|begin|beg|starting){_PLACE}")
_LIKE_ENDS = re.compile(f"{_LEAD}(?:offset)?(?:end|stop|ending){_PLACE}")
_LIKE_LABELS = re.compile(f"(?:ner|semantic)?{_LEAD}(?:label|type|tag|category|class)(?:name|value)?")
_LIKE_TEXTS = re.compile(f"{_LEAD}(?:text|string|mention|form)")
_LIKE_PLACES = re.compile(f"{_LEAD}(?:index|span|pos|position|offset|range|interval|location)(?:es|s)?")
_NAMED = ("value", "name", "label")  # a label that is an object has its name under one of these


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


def given_spans(value: object, text: object = None) -> list[Given]:
    """Read a list of spans, a mapping of labels to places (CLUENER), or one of lists (as `datasets` stores spans).

    `text` tells which of a span's two strings is its own text. Errors: UserError for anything else, such as spans
    without a place or a label.
    """
    if isinstance(value, Mapping):
        columns = _columns(value)
        return list(_by_label(value)) if columns is None else given_spans(columns, text)
    if not isinstance(value, list):
        raise UserError(f"spans must be a list (one without mentions has []), found {value!r:.80}")
    return [span for item in value for span in _read(item, text)]


def looks_like_spans(value: object) -> bool:
    """Whether a value is a list of spans, or a mapping of such, of which there is at least one."""
    try:
        return isinstance(value, list | Mapping) and bool(given_spans(value))
    except UserError:
        return False


def is_mention(item: Mapping[Any, Any]) -> bool:
    """Whether an object has a label that is a name, and a text or numbers of tokens, wherever it stands."""
    numbers = any(isinstance(each, list) and each and all(map(_is_number, each)) for each in item.values())
    return any(isinstance(label, str) for label in _labels_of(item)) and (numbers or _own_text(item) is not None)


def _columns(value: Mapping[Any, Any]) -> list[dict[Any, Any]] | None:
    """Return the spans of a mapping of lists, one for each key of theirs; None for any other mapping."""
    keys = [key for names in (_STARTS, _ENDS) for key in names if isinstance(value.get(key), list)]
    lists = {key: own for key, own in value.items() if isinstance(own, list)}
    if len(keys) != 2 or len({len(own) for own in lists.values()}) > 1:
        return None
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _read(item: object, text: object) -> Iterator[Given]:
    if isinstance(item, Mapping) and isinstance(item.get("points"), list) and len(item["points"]) > 1:
        # DataTurks: as many mentions of one label.
        for point in item["points"]:
            yield from _read({**item, "points": [point]}, text)
        return
    if isinstance(item, Mapping):
        pieces, labels = _pieces(item), _labels_of(item)
        if pieces and labels:
            own, tokens = _own_text(item), _tokens_of(item)
            yield from (Given(pieces, label, own, tokens) for label in labels)
            return
    elif isinstance(item, list | tuple):
        numbers = [each for each in item if _is_number(each)]
        strings = [each for each in item if isinstance(each, str) and each]
        if len(numbers) == 2 and strings and len(item) == len(numbers) + len(strings) <= 4:
            if len(strings) > 1 and _is_first(strings, numbers, text):
                strings.reverse()
            yield Given(((numbers[0], numbers[1]),), strings[0], strings[1] if len(strings) > 1 else None)
            return
        if len(numbers) == len(item) == 3:
            yield Given(((numbers[0], numbers[1]),), numbers[2])
            return
    raise UserError(
        f"span {item!r:.80} is not [start, end, label] with whole numbers and a label, nor an object with these under "
        "such names as start, end and label"
    )


def _is_first(strings: Sequence[str], place: Sequence[int], text: object) -> bool:
    """Whether the first of two strings, and not the second, is what stands at a place, whose end may be included."""
    found = [text[place[0] : place[1] + more] for more in (0, 1)] if isinstance(text, str) else []
    return strings[0] in found and strings[1] not in found


def _by_label(value: Mapping[Any, Any]) -> Iterator[Given]:
    for label, places in value.items():
        listed = places.items() if isinstance(places, Mapping) else [(None, places)]
        for text, ranges in listed:
            for place in ranges if isinstance(ranges, list) else [ranges]:
                pieces = _ranges(place)
                if not pieces or (isinstance(place, Mapping) and _labels_of(place)):
                    raise UserError(f"{label!r} is no label with places in the text: {places!r:.80}")
                yield Given(pieces, str(label), text)


def _pieces(item: Mapping[Any, Any]) -> tuple[tuple[int, int], ...]:
    start, end = _bound(item, _STARTS, _LIKE_STARTS), _bound(item, _ENDS, _LIKE_ENDS)
    if start is not None and end is None and _is_number(item.get("length")):
        end = start + item["length"]
    if start is None and _is_number(item.get("offset")) and _is_number(item.get("length")):
        start, end = item["offset"], item["offset"] + item["length"]
    if start is not None and end is not None:
        return ((start, end),)
    others = [key for key in item if _LIKE_PLACES.fullmatch(_letters(key))]
    return next((found for key in (*_PLACES, *others) if key in item and (found := _ranges(item[key]))), ())


def _bound(item: Mapping[Any, Any], names: Sequence[str], like: re.Pattern[str]) -> int | None:
    """Return the number under a usual name, else under the only one that is like these; None if there is none."""
    usual = next((item[key] for key in names if _is_number(item.get(key))), None)
    if usual is not None:
        return int(usual)
    found = [_as_number(item[key]) for key in item if key in names or like.fullmatch(_letters(key))]
    numbers = [number for number in found if number is not None]
    return numbers[0] if len(numbers) == 1 else None


def _letters(key: object) -> str:
    return "".join(filter(str.isalpha, str(key).lower()))


def _as_number(value: object) -> int | None:
    """Return a whole number, also one that was written as text or as a fraction; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return whole_number(value)
    return value if type(value) is int else None


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
    others = [key for key in item if _LIKE_LABELS.fullmatch(_letters(key))]
    for key in (*_LABELS, *_MORE_LABELS, *others):
        value = item.get(key)
        values: list[Any] = [_name_of(each) for each in (value if isinstance(value, list) else [value])]
        if values and all((isinstance(each, str) and each) or _is_number(each) for each in values):
            return values
    return []


def _name_of(label: object) -> object:
    """Return a label, or the name in one that is an object, such as {"value": "PER", "confidence": 0.9}."""
    if not isinstance(label, Mapping):
        return label
    return next((label[key] for key in _NAMED if isinstance(label.get(key), str)), None)


def _own_text(item: Mapping[Any, Any]) -> str | None:
    labelled = next((key for key in (*_LABELS, *_MORE_LABELS) if item.get(key)), "")
    others = [key for key in item if _LIKE_TEXTS.fullmatch(_letters(key))]
    names = [key for key in (*_TEXTS, "entity", "span", *others) if key != labelled]
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
