"""JSON in a text: the objects and lists that stand in it side by side, with prose around."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from diziner.prompting.loose_json import Piece, piece_at

ENCODED = "encoded"  # JSON inside a JSON string

_START = re.compile(r'[{\[]|"(?=\s*[{\[]\s*\\")')
_FENCE = re.compile(r"\n[ \t]*```|\Z")
_ESCAPED = re.compile(r'\A[{\[]\s*(?:\{\s*)?\\"')
# More brackets than any answer has; what lies behind them is a model that repeats itself.
_MOST_STARTS = 2000
_MOST_WALKED = 4_000_000  # characters read again and again in an answer that is broken in many places


def pieces(text: str) -> list[Piece]:
    """Return what of a text looks like JSON, from left to right; what stands inside of another is not looked at."""
    return list(_pieces(text))


def decoded(text: str) -> tuple[Piece, ...]:
    """Return the pieces inside a string that holds JSON, also one that was escaped twice; empty for another string."""
    inner = text.strip()
    if _ESCAPED.match(inner):
        try:
            inner = json.loads(f'"{inner}"', strict=False)
        except ValueError:
            return ()
    return tuple(pieces(inner)) if inner[:1] in {"{", "["} else ()


def _pieces(text: str) -> Iterator[Piece]:
    position = limit = walked = 0
    for _ in range(_MOST_STARTS):
        start = _START.search(text, position)
        if start is None:
            return
        at = start.start()
        if limit <= at:
            limit = _fence(text, at)
        piece = _string_at(text, at) if text[at] == '"' else _escaped_at(text, at, limit) or piece_at(text, at, limit)
        if piece is None:
            position = at + 1
            continue
        yield piece
        position = piece.end
        if piece.fault or piece.repairs:
            walked += limit - at
        if walked > _MOST_WALKED + 2 * len(text):
            yield Piece(position, len(text), fault="it is broken in too many places")
            return


def _fence(text: str, start: int) -> int:
    fence = _FENCE.search(text, start)
    return fence.start() if fence else len(text)


def _string_at(text: str, start: int) -> Piece | None:
    """Return the string that starts there, whose text is JSON."""
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
    except ValueError:
        return None
    return Piece(start, end, value)


def _escaped_at(text: str, start: int, limit: int) -> Piece | None:
    r"""Return an object that was escaped as a string but stands without its quotes: {\"a\": 1}."""
    if not _ESCAPED.match(text[start : start + 40]):
        return None
    value = text[start:limit].rstrip()
    return Piece(start, limit, value)
