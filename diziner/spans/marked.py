r"""Marked text: a phrase in which mentions stand in brackets, as people and models write it.

`said 25-year-old [Amina Muhammad|person] .` holds one mention of `person`. Unlike in `diziner.spans.brackets`, which
writes tokens, a mention may begin and end anywhere (`[Norway|location]'s economy`) and a type may have blanks in it
(`geopolitical entity`). Text without brackets holds no mention. `\[`, `\]`, `\|` and `\\` are the literal characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from diziner.common.errors import UserError

_PARTS = re.compile(r"\\(?P<literal>[\[\]|\\])|(?P<mark>[\[\]|])|(?P<text>\\|[^\[\]|\\]+)")
_ESCAPES = str.maketrans({character: f"\\{character}" for character in "[]|\\"})


class Mark(NamedTuple):
    """A mention: characters `[start, end)` of the plain text, and its type as written."""

    start: int
    end: int
    type: str


def parse_marked(text: str) -> tuple[str, tuple[Mark, ...]]:
    r"""Return the plain text and its mentions, in order.

    Errors: UserError for brackets that are never closed, nested, empty or without a type, and for `]` or `|` outside
    of a mention. The message gives the column, from 1.

    >>> parse_marked("a crowd in [Leeds|location]")
    ('a crowd in Leeds', (Mark(start=11, end=16, type='location'),))
    """
    plain: list[str] = []
    marks: list[Mark] = []
    length = start = opened = 0  # `opened`: column of the open bracket, 0 without one
    kind: list[str] | None = None  # parts of the type, while inside one
    for part in _PARTS.finditer(text):
        column, mark = part.start() + 1, part["mark"]
        if not mark:
            literal = part["literal"] or part["text"]
            if kind is not None:
                kind.append(literal)
            else:
                plain.append(literal)
                length += len(literal)
        elif mark == "[":
            if opened:
                raise _error(text, column, r"'[' inside a mention: mentions do not nest; write \[ for the character")
            opened, start = column, length
        elif mark == "|":
            if not opened or kind is not None:
                raise _error(text, column, r"'|' stands once in a mention, before its type; write \| for the character")
            kind = []
        else:
            if not opened:
                raise _error(text, column, r"']' without '['; write \] for the character")
            name = " ".join("".join(kind or ()).split())
            if not name:
                raise _error(text, opened, "a mention without a type; write [text|type]")
            if not "".join(plain)[start:].strip():
                raise _error(text, opened, "a mention without text; write [text|type]")
            marks.append(Mark(start, length, name))
            opened, kind = 0, None
    if opened:
        raise _error(text, opened, r"'[' is never closed; close it with '|type]' or write \[")
    return "".join(plain), tuple(marks)


def render_marked(text: str, marks: Iterable[Mark]) -> str:
    """Return plain text with its mentions (sorted, apart from each other) in brackets; `parse_marked` reads both back.

    >>> render_marked("a crowd in Leeds", [Mark(11, 16, "location")])
    'a crowd in [Leeds|location]'
    """
    parts: list[str] = []
    at = 0
    for start, end, kind in marks:
        parts += [_literal(text[at:start]), "[", _literal(text[start:end]), "|", _literal(kind), "]"]
        at = end
    return "".join([*parts, _literal(text[at:])])


def _literal(text: str) -> str:
    return text.translate(_ESCAPES)


def _error(text: str, column: int, what: str) -> UserError:
    near = text[max(0, column - 21) : column + 19]
    return UserError(f"column {column}: {what} (near {near!r})")
