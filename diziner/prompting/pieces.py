"""JSON in a text: the objects and lists that stand in it side by side, with prose around."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diziner.common.jsontext import LOOSE_STRINGS
from diziner.prompting.loose_json import Piece, piece_at

ENCODED = "encoded"  # JSON inside a JSON string

_START = re.compile(r'[{\["]')
_STRING = re.compile(r'"\s*[{\[]\s*(?:\{\s*)?\\"')
_ESCAPED = re.compile(r'[{\[]\s*(?:\{\s*)?\\"')
# More brackets than any answer has; what lies behind them is a model that repeats itself.
_MOST_STARTS = 2000
_MOST_WALKED = 200_000  # characters gone through again, in an answer that is broken in many places


def pieces(text: str) -> list[Piece]:
    """Return what of a text looks like JSON, from left to right; what stands inside of another is not looked at."""
    return list(_pieces(text))


def decoded(text: str) -> tuple[Piece, ...]:
    """Return the pieces inside a string that holds JSON, also one that was escaped twice; empty for another string."""
    inner = text.strip()
    if _ESCAPED.match(inner):
        try:
            inner = LOOSE_STRINGS.decode(f'"{inner}"')
        except ValueError:
            return ()
    return tuple(pieces(inner)) if inner[:1] in {"{", "["} else ()


class _Fences:
    """Ends of the fenced blocks of a text; asked for rising positions."""

    def __init__(self, text: str) -> None:
        self._text, self._next = text, -1

    def __call__(self, start: int) -> int:
        """Return where the block that holds a position ends."""
        if self._next <= start:
            self._next = self._after(start)
        return self._next

    def _after(self, start: int) -> int:
        while (start := self._text.find("```", start)) >= 0:
            line = self._text.rfind("\n", 0, start)
            if line >= 0 and not self._text[line:start].strip():
                return line
            start += 3
        return len(self._text)


def _pieces(text: str) -> Iterator[Piece]:
    limit = _Fences(text)
    position = starts = walked = 0
    while starts < _MOST_STARTS and (start := _START.search(text, position)):
        at = start.start()
        position = at + 1
        if text[at] == '"':
            piece = _string_at(text, at) if _STRING.match(text, at) else None
        else:
            starts += 1
            piece = _escaped_at(text, at, limit) or piece_at(text, at, limit)
        if piece is None:
            continue
        yield piece
        position = piece.end
        walked += piece.walked
        if walked > _MOST_WALKED + len(text):
            yield Piece(position, len(text), fault="it is broken in too many places")
            return


def _string_at(text: str, start: int) -> Piece | None:
    """Return the string that starts there, whose text is JSON."""
    try:
        value, end = LOOSE_STRINGS.raw_decode(text, start)
    except ValueError:
        return None
    return Piece(start, end, value)


def _escaped_at(text: str, start: int, limit: _Fences) -> Piece | None:
    r"""Return an object that was escaped as a string but stands without its quotes: {\"a\": 1}."""
    if not _ESCAPED.match(text, start):
        return None
    end = limit(start)
    return Piece(start, end, text[start:end].rstrip())
