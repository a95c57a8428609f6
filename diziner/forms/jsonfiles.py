"""Values of JSON files: lines, one array, or one object around an array; read as they are asked for."""

from __future__ import annotations

import codecs
import contextlib
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.files import readable
from diziner.forms.jsonstream import JsonStream
from diziner.forms.lines import text_lines
from diziner.forms.rows import Unreadable

_HEAD = 1 << 12
_WHOLE = 1 << 20  # bytes of a file that is read whole, if need be
_SHOWN = 80  # characters of what cannot be read
# Keys under which one object has all documents; what else it has is about the file.
_AROUND = ("annotations", "documents", "data", "rows", "examples", "instances", "items", "sentences")
_TEXTS = ("text", "content", "sentence")  # an object with one of them is a document itself
_NOT_AROUND = (
    f"one object, no document, and not one list of objects under one of {', '.join(_AROUND)}; put each document on a "
    "line of its own, or all into one of these"
)


class Value(NamedTuple):
    """One value, and its place for messages."""

    where: str
    value: Any


def json_values(path: Path) -> Iterator[Value | Unreadable]:
    """Yield the values of a file: of each line, or those of the array that the file is or has.

    Blank lines are skipped. Errors: UserError for a file that cannot be read.
    """
    with readable(path), path.open("rb") as file:
        head = file.read(_HEAD).removeprefix(codecs.BOM_UTF8).translate(None, b" \t\r\n")
    if head[:2] in (b"[{", b"[[", b"[]"):
        yield from _array(path)
        return
    if head[:1] == b"{" and (key := _key_around(path)) is not None:
        yield from _array_under(path, key) if key else [Unreadable(str(path), _NOT_AROUND, None)]
        return
    lines = ((number, line) for number, line in text_lines(path) if line.strip())
    first = next(lines, None)
    if first is None:
        return
    try:
        value = jsontext.row(first[1])
    except jsontext.JsonError:
        if head[:1] == b"[":
            yield from _array(path)
            return
        whole = _whole_object(path, first[1])
        if whole is not None:
            yield from whole
            return
        value = None
    second = next(lines, None)
    if second is None and isinstance(value, Mapping) and (inside := _inside(value)) is not None:
        yield from (Value(f"{path}, row {number}", each) for number, each in enumerate(inside))
        return
    for number, line in chain([first], [] if second is None else [second], lines):
        yield parsed(f"{path}:{number}", line)


def parsed(where: str, line: str) -> Value | Unreadable:
    """Return the value of a line."""
    try:
        return Value(where, jsontext.row(line))
    except jsontext.JsonError as error:
        place = f" (column {error.column})" if error.column else ""
        return Unreadable(where, f"not JSON: {error.reason}{place}", line)


def _inside(value: Mapping[str, Any]) -> list[Any] | None:
    """Return the documents of an object around them all; None if it is a document itself."""
    if any(isinstance(value.get(key), str) for key in _TEXTS) or "tokens" in value:
        return None
    lists = [[each for each in value[key] if each is not None] for key in _AROUND if isinstance(value.get(key), list)]
    found = [each for each in lists if each and all(isinstance(item, Mapping) or _is_pair(item) for item in each)]
    return found[0] if len(found) == 1 else None


def _is_pair(value: object) -> bool:
    """Whether a value is a text with what is about it, as spaCy's training data have it."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], Mapping)


def _whole_object(path: Path, first: str) -> list[Value] | None:
    """Return the values of a file that is one object over many lines; None if it is not."""
    if not first.lstrip().startswith("{"):
        return None
    with readable(path):
        text = path.read_text(encoding="utf-8-sig")
    try:
        value = jsontext.row(text)
    except jsontext.JsonError:
        return None
    inside = _inside(value)
    if inside is None:
        return [Value(str(path), value)]
    return [Value(f"{path}, row {number}", each) for number, each in enumerate(inside)]


def _array(path: Path) -> Iterator[Value | Unreadable]:
    """Yield the values of an array over many lines, a block of the file in memory at a time."""
    number = 0
    with readable(path), path.open("rb") as file:
        stream = JsonStream(file)
        try:
            for value in stream.entries():
                yield Value(f"{path}, row {number}", value)
                number += 1
            if rest := stream.rest(_SHOWN):
                yield Unreadable(f"{path}, row {number}", f"not JSON: {rest[:20]!r} after the array", rest)
        except jsontext.JsonError as error:
            yield Unreadable(f"{path}, row {number}", f"not JSON: {error.reason}", stream.rest(_SHOWN))


def _key_around(path: Path) -> str | None:
    """Return the key of the documents in a file that is one object around them, and too large to be read whole.

    "" for an object that has no documents and is none; None for any other file.
    """
    with readable(path), path.open("rb") as file:
        status, first = os.fstat(file.fileno()), file.readline(_WHOLE)
    if status.st_size <= _WHOLE:
        return None
    if first.endswith(b"\n"):
        with contextlib.suppress(jsontext.JsonError):
            jsontext.row(first)
            return None  # a document a line
    return _found_around(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _found_around(path: Path, _size: int, _changed: int) -> str | None:
    """See `_key_around`: a file is looked through once while it stays as it is."""
    fits: dict[str, bool] = {}
    try:
        with readable(path), path.open("rb") as file:
            stream = JsonStream(file)
            for key, number, value in stream.members():
                if key == "tokens" or (key in _TEXTS and isinstance(value, str)):
                    return None
                if key in _AROUND and number is not None and value is not None:
                    fits[key] = fits.get(key, True) and (isinstance(value, Mapping) or _is_pair(value))
            if stream.next():
                return None
    except jsontext.JsonError:
        return None
    found = [key for key, all_fit in fits.items() if all_fit]
    return found[0] if len(found) == 1 else ""


def _array_under(path: Path, key: str) -> Iterator[Value | Unreadable]:
    """Yield the documents under a key of a file's one object."""
    number = 0
    with readable(path), path.open("rb") as file:
        try:
            for name, _, value in JsonStream(file).members():
                if name == key and value is not None:
                    yield Value(f"{path}, row {number}", value)
                    number += 1
        except jsontext.JsonError as error:  # written to since it was looked through
            yield Unreadable(f"{path}, row {number}", f"not JSON: {error.reason}", None)


def listed_objects(value: object, what: str) -> list[Mapping[str, Any]]:
    """Return a list of objects; nothing where there is none (null). Errors: UserError for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UserError(f"{what} must be a list, found {value!r:.40}")
    wrong = next((each for each in value if not isinstance(each, Mapping)), None)
    if wrong is not None or None in value:
        raise UserError(f"{what} must be objects, found {wrong!r:.40}")
    return value


def first_value(path: Path) -> Any:
    """Return the first value of a file that can be read; None if there is none."""
    try:
        return next((item.value for item in json_values(path) if isinstance(item, Value)), None)
    except UserError:
        return None
