"""Values of JSON files: lines, one array, or one object around an array; read as they are asked for."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.files import readable
from diziner.forms.lines import text_lines
from diziner.forms.rows import Unreadable

_BLOCK = 1 << 20
_HEAD = 1 << 12
# Keys under which one object has all documents; what else it has is about the file.
_AROUND = ("annotations", "documents", "data", "rows", "examples", "instances", "items", "sentences")


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
    if any(isinstance(value.get(key), str) for key in ("text", "content", "sentence")) or "tokens" in value:
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
    with readable(path), path.open(encoding="utf-8-sig") as file:
        text, at, number = file.read(_BLOCK).lstrip(), 1, 0
        while True:
            while at < len(text) and text[at] in " \t\r\n,":
                at += 1
            if at < len(text) and text[at] == "]":
                if rest := (text[at + 1 :] + file.read(_HEAD)).strip():
                    yield Unreadable(f"{path}, row {number}", f"not JSON: {rest[:20]!r} after the array", rest[:80])
                return
            try:
                value, at = jsontext.row_at(text, at)
            except jsontext.JsonError as error:
                # Without a column it is nothing that more of the file would mend.
                more = file.read(max(_BLOCK, len(text) - at)) if error.column else ""
                if not more:
                    reason = error.reason if text[at:].strip() else "the array is not closed"
                    yield Unreadable(f"{path}, row {number}", f"not JSON: {reason}", text[at : at + 80])
                    return
                text, at = text[at:] + more, 0
                continue
            yield Value(f"{path}, row {number}", value)
            number += 1


def objects(path: Path) -> Iterator[Value | Unreadable]:
    """Yield the values of a file that are objects; others cannot be rows.

    Errors: as `json_values`.
    """
    for item in json_values(path):
        if isinstance(item, Value) and not isinstance(item.value, Mapping):
            kind = type(item.value).__name__
            yield Unreadable(item.where, f"a row must be a JSON object, found {kind}", item.value)
        else:
            yield item


def first_value(path: Path) -> Any:
    """Return the first value of a file that can be read; None if there is none."""
    try:
        return next((item.value for item in json_values(path) if isinstance(item, Value)), None)
    except UserError:
        return None
