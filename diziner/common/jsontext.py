"""JSON text: the one door by which it is read, with limits, whoever wrote it.

Python's reader takes NaN, 1e999 (for infinity) and a key that is given twice (the last wins), and meets depth and long
numbers with errors of other kinds. Here there is one kind of error, in one line, and what is read can be written again
and walked through. Grades: `loads` for files of this project, `line` for one of many, whose numbers a schema checks;
`row` for documents of users, where a NaN in some column is none of our business; `body` for what servers send, which
is taken as it comes.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable
from json.decoder import JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any, NoReturn

from diziner.common.errors import UserError

DEEPEST = 200  # brackets within brackets
LONGEST = 2**29  # characters of one value
_LOCATED = 2**20  # characters of a text in which the line of an error is looked for
_BLANK = " \t\r\n"
_NOTHING: tuple[Any, ...] = (None, "", [], {})  # values that say nothing
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class JsonError(ValueError):
    """A text that is no JSON that can be used. Its message is one line; `line` and `column` count from 1, `at` is the
    place in the text, from 0."""

    def __init__(self, reason: str, line: int = 1, column: int = 0, at: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column
        self.at = at


# For texts whose digest was compared; a third faster than `loads`.
scan_trusted: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def parse_json(text: str | bytes, where: str) -> Any:
    """Return the value of a JSON text; `where` is what errors call it, to which they add the line.

    Errors: UserError.
    """
    try:
        return loads(text)
    except JsonError as error:
        raise UserError(f"{where}:{error.line}: not JSON: {error.reason}") from None


def row_at(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at a place of a text of users' rows, and where it ends.

    Errors: JsonError, also where the text ends too early.
    """
    try:
        value, end = _ROWS.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        raise _told(error) from None
    if text.count("[", at, end) + text.count("{", at, end) > DEEPEST:
        _check_depth(value)
    return value, end


def _reader(decoder: json.JSONDecoder, halves: bool) -> Callable[[str | bytes], Any]:
    """Return a function that reads a text; `halves`: whether half surrogate pairs are let through."""
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]

    def read(text: str | bytes) -> Any:
        if isinstance(text, bytes):
            text = _text(text)
        # Not by the decoder's own door, which takes a third longer; what fails here fails there, and is told.
        try:
            value, end = scan(text, 0)
        except (StopIteration, ValueError, RecursionError):
            value = _slowly(text, decoder)
        else:
            if end < len(text) and text[end:].strip(_BLANK):
                value = _slowly(text, decoder)
        # No value is deeper than it has brackets, which are counted a hundred times faster than it is walked through.
        if text.count("[") + text.count("{") > DEEPEST:
            _check_depth(value)
        if not halves and "\\u" in text and _HALF.search(text):
            _check_halves(value)
        return value

    return read


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from None


def _slowly(text: str, decoder: json.JSONDecoder) -> Any:
    if len(text) > LONGEST:
        raise JsonError(f"longer than {LONGEST} characters")
    try:
        return decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise _located(text, _told(error), decoder) from None


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            each
            for held in level
            if isinstance(held, (dict, list))
            for each in (held.values() if isinstance(held, dict) else held)
        ]
        if not level:
            return
    raise JsonError(f"nested too deeply, more than {DEEPEST} deep")


def _check_halves(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise JsonError("a text has half a surrogate pair") from None


def _told(error: Exception) -> JsonError:
    if isinstance(error, JsonError):
        return error
    if isinstance(error, json.JSONDecodeError):
        return JsonError(error.msg, error.lineno, error.colno, error.pos)
    if isinstance(error, RecursionError):
        return JsonError(f"nested too deeply, more than {DEEPEST} deep")
    return JsonError("a number has thousands of digits")


def _located(text: str, error: JsonError, decoder: json.JSONDecoder) -> JsonError:
    """Return an error that has no place with the line where the innermost object around it begins."""
    if error.column or "\n" not in text or len(text) > _LOCATED:
        return error
    place = 0

    def object_at(begin: tuple[str, int], *words: Any) -> Any:
        nonlocal place
        try:
            return JSONObject(begin, *words)
        except (ValueError, RecursionError):
            place = place or begin[1]
            raise

    slow: Any = json.JSONDecoder(
        parse_constant=decoder.parse_constant,
        parse_float=decoder.parse_float,
        object_pairs_hook=decoder.object_pairs_hook,
    )
    slow.parse_object = object_at
    slow.scan_once = py_make_scanner(slow)
    with contextlib.suppress(ValueError, RecursionError):
        slow.decode(text)
    return JsonError(error.reason, text.count("\n", 0, place) + 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise JsonError(f"the key {twice[:60]!r} is given twice")
    return found


def _clear(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of which no key says two things: given twice, it says the same, or nothing the other time."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found = {}
    for name, value in pairs:
        if name in found and value in _NOTHING:
            continue
        if found.get(name) not in (*_NOTHING, value):
            raise JsonError(f"the key {name[:60]!r} is given twice")
        found[name] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonError(f"{text[:30]} is too large for a number")
    return value


def _no_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is no number of JSON")


_ROWS = json.JSONDecoder(object_pairs_hook=_once)
# Answers of models, which are searched for what looks like JSON: the errors of these are Python's own, and JsonError
# for a key that is given twice with different values, of which one would be lost.
LOOSE = json.JSONDecoder(parse_constant=lambda _: None, object_pairs_hook=_clear)
LOOSE_STRINGS = json.JSONDecoder(strict=False)

# Each takes a text, or UTF-8, and returns its value. Errors: JsonError. `loads` is for files of this project.
loads = _reader(
    json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_once), halves=False
)
# One of many lines: a number that is too large for a float is infinite, which the schema refuses.
line = _reader(json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once), halves=False)
# Users' documents, which may hold NaN, and half surrogate pairs, of which the text itself is told.
row = _reader(_ROWS, halves=True)
# What servers send, whatever of JSON's finer points it has wrong.
body = _reader(json.JSONDecoder(), halves=True)
