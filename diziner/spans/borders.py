"""Borders inside tokens: where a mention may begin or end although its token goes on."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from diziner.spans.folding import is_invisible

# Scripts that join suffixes to a word without a mark, or write no blanks: Thai to Khmer, Kana, Han, Hangul.
_JOINING = re.compile(
    "[\u0e01-\u0e2f\u0e40-\u0e44\u0e81-\u0eae\u0ec0-\u0ec4\u0f00-\u0fff\u1000-\u109f\u1780-\u17b3\u1100-\u11ff"
    "\u3041-\u30ff\u3131-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U000323af]"
)
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc\u31f0-\u31ff\uff66-\uff9f]")
_IN_NUMBERS = ".,:'’\u066b\u066c"  # between digits they are part of the number
_OF_THE_WORD = "+"  # after a letter: C++, Notes+
_OF_THE_LETTER = "#*"  # after a letter that stands alone: C#, A*
_WITHIN_NAMES = ".-‐‑_'’&/"  # a single letter beside them is part of a name: U.S., T-cell, don't
_JOINER = "\u200d"
_CONTINUES = re.compile("[\u1160-\u11ff\U0001f3fb-\U0001f3ff]")  # vowels and finals of a Hangul syllable, skin tones
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")  # letters, two of which are a flag


def may_begin(token: str, at: int) -> bool:
    """Return whether a mention may begin at character `at` of a token: beside a mark, never within a word.

    >>> [may_begin("d'Orange", 2), may_begin("#Oslo", 1), may_begin("England", 3), may_begin("3.5", 2)]
    [True, True, False, False]
    """
    return _is_whole(token, at) or (not _divides(token, at) and _beside_mark(token, at, begins=True))


def may_end(token: str, at: int) -> bool:
    """Return whether a mention may end before character `at` of a token: beside a mark, or where a suffix is joined.

    It is taken for granted that the mention begins where a word does, as `may_begin` says.

    >>> may_end("Inc.", 3), may_end("서울에", 2), may_end("Annual", 3)
    (True, True, False)
    """
    if _is_whole(token, at):
        return True
    if _divides(token, at):
        return False
    if _beside_mark(token, at, begins=False):
        return True
    before, after = _visible(token[:at])[-1], _visible(token[at:])[0]
    within_one = _KATAKANA.match(before) and _KATAKANA.match(after)
    return bool(_JOINING.match(after)) and not within_one


def _is_whole(token: str, at: int) -> bool:
    """Return whether nothing that can be seen stands before or after."""
    return not _visible(token[:at]) or not _visible(token[at:])


def _divides(token: str, at: int) -> bool:
    """Return whether the border would cut what is read as one character."""
    before, after = token[at - 1], token[at]
    if unicodedata.category(after).startswith("M") or _CONTINUES.match(after):
        return True
    if _FLAG.match(before) and _FLAG.match(after):
        return True
    return _JOINER in (before, after) and not _visible(token[:at])[-1].isalnum()


def _beside_mark(token: str, at: int, begins: bool) -> bool:
    before, after = _visible(token[:at]), _visible(token[at:])
    left, right = before[-1], after[0]
    if not begins and (right in _OF_THE_WORD or (right in _OF_THE_LETTER and _run(before[::-1]) == 1)):
        return False
    if not is_mark(left) and not is_mark(right):
        return False
    mark_is_left = is_mark(left)
    mark = left if mark_is_left else right
    beyond = before[:-1] if mark_is_left else before, after if mark_is_left else after[1:]
    if mark in _IN_NUMBERS and beyond[0][-1:].isdigit() and beyond[1][:1].isdigit():
        return False
    if mark not in _WITHIN_NAMES:
        return True
    runs = _run(beyond[0][::-1]), _run(beyond[1])
    inside, outside = (runs[1], runs[0]) if begins else runs
    if mark == "&" and min(inside, outside) == 1:
        return False
    return inside != 1 or not outside


def _run(text: str) -> int:
    """Return how many letters and digits a text begins with; many for a script in which one character can be a name."""
    match = re.match(r"[^\W_]*", text)
    length = match.end() if match else 0
    return 2 if length == 1 and _JOINING.match(text) else length


def _visible(text: str) -> str:
    return (
        text
        if text.isascii() and text.isprintable()
        else "".join(c for c in text if not is_invisible(c) and not c.isspace())
    )


@cache
def is_mark(character: str) -> bool:
    """Return whether a character is punctuation or a symbol."""
    return unicodedata.category(character)[0] in "PS"
