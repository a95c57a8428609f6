"""Folding of text before it is compared: which differences between an answer and the text are no difference."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache
from typing import NamedTuple

KINDS = (
    "invisible",  # zero-width and control characters, soft hyphens, variation selectors
    "diacritics",  # São and Sao, Łódź and Lodz
    "vowel_points",  # Arabic tashkeel, Hebrew niqqud
    "tatweel",  # the stroke that stretches Arabic words
    "letter_forms",  # Persian and Arabic yeh and kaf, æ and ae
    "turkish_i",  # İ, ı and i
    "marks",  # further apostrophes, primes, geresh, quotation marks, single and double, maqaf, middle dots
    "ptb_escapes",  # -LRB- and (, `` and ", -- and a dash, \\/ and /
    "html_escapes",  # &amp; and &
    "code_escapes",  # \\u00e3 and ã
)

# Models often answer with the ASCII form of a typographic mark, or the reverse; one for one, lengths keep.
_TYPOGRAPHIC = str.maketrans("‘’‚‛`´“”„‟‐‑‒–—―−", "''''''\"\"\"\"-------")
# A single quote for a double one too: within a string of JSON models write the one that needs no escape.
_MARKS = str.maketrans(
    "\u02bc\u02bb\u02b9\u02bd\u02be\u02bf\u02c8\u2032\u2035\ua78c\u055a\u05f3\u2039\u203a"  # apostrophes, geresh
    "\u05f4\u2033\u00ab\u00bb\u300c\u300d\u300e\u300f"  # gershayim, quotation marks
    '"'
    "\u05be\u2e3a\u2043\u00b7\u2022\u2027",  # maqaf, dashes, middle dots
    "'" * 23 + "---" + "\u30fb" * 3,
)
_LETTERS = str.maketrans(
    {"ی": "ي", "ى": "ي", "ک": "ك", "ہ": "ه", "ھ": "ه", "ٱ": "ا", "æ": "ae", "œ": "oe", "ǽ": "ae", "ĳ": "ij"}
)
_STROKED = str.maketrans({"đ": "d", "ø": "o", "ł": "l", "ħ": "h", "ŧ": "t", "ð": "d", "þ": "th", "ɨ": "i"})
_TURKISH = {"İ", "ı"}
_TATWEEL = "\u0640"
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u034f\u115f\u1160\u3164\uffa0\u180b-\u180f]")
_VISIBLE_FORMAT = re.compile("[\u0600-\u0605\u06dd\u070f\u08e2\U000110bd\U000110cd]")  # signs before numbers
_POINTS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u0652\u0656-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u08d3-\u08e1\u08e3-\u08ff]"
)
# Accents of all scripts, hamza and madda above Arabic letters, nukta of Indic ones.
_ACCENTS = re.compile(
    "[\u0300-\u034e\u0350-\u036f\u0483-\u0487\u0653-\u0655\u093c\u09bc\u0a3c\u0abc\u0b3c"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_PTB = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "-lcb-": "{", "-rcb-": "}", "``": '"', "''": '"'}
_ESCAPE = re.compile(
    r"-[LRlr][RSCrsc][Bb]-|--+|``|''|\\[!-/:-@\[\]^_`{-~]|&(?:amp;)*(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});"
    r"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}"
)


def squeeze(text: str) -> str:
    """Leave out white space."""
    return "".join(text.split())


def fold(text: str) -> str:
    """Fold case, compatibility forms and typographic quotes and dashes."""
    if text.isascii():
        return text.replace("`", "'").lower()
    # Case folding can leave a string that is no longer normalised, so NFKC is applied before and after.
    # Marks are translated first, since NFKC splits some of them into a space and a combining accent.
    composed = unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHIC))
    return unicodedata.normalize("NFKC", composed.casefold())


def squeeze_fold(text: str) -> str:
    """Fold, and leave out white space."""
    return squeeze(fold(text))


def without_invisible(text: str) -> str:
    """Leave out characters that nobody sees."""
    return text if text.isascii() and text.isprintable() else "".join(c for c in text if not is_invisible(c))


@cache
def is_invisible(character: str) -> bool:
    """Return whether a character has no shape of its own: format and control characters, variation selectors.

    >>> [is_invisible(c) for c in ("\\u200b", "\\xad", "\\ufe0f", " ", "a")]
    [True, True, True, False, False]
    """
    if character.isspace():
        return False
    if unicodedata.category(character) in ("Cf", "Cc"):
        return not _VISIBLE_FORMAT.match(character)
    return bool(_VARIATION.match(character))


@cache
def is_removable(character: str) -> bool:
    """Return whether a combining mark is folded away: accents and vowel points, not the vowels of Indic scripts or
    Thai."""
    return bool(_ACCENTS.match(character) or _POINTS.match(character))


class Deep(NamedTuple):
    """A text folded as far as it goes, and for each of its characters the place in the text that it comes from.

    Characters of one place are one unit, which no border may divide: `first[k]` and `last[k]` are equal for them.
    """

    text: str
    first: list[int]
    last: list[int]


def fold_deep(text: str, without: str = "") -> Deep:
    """Fold all `KINDS` of differences, but one; white space is left out.

    >>> fold_deep("São &amp; Łódź").text
    'sao&lodz'
    """
    table = _table(without)
    pieces: list[str] = []
    first: list[int] = []
    last: list[int] = []
    done = 0
    for start, end, meant in _escapes(text, without):
        _add(text[done:start], done, table, pieces, first, last)
        folded = "".join([table[character] for character in meant])
        pieces.append(folded)
        first += [start] * len(folded)
        last += [end] * len(folded)
        done = end
    _add(text[done:], done, table, pieces, first, last)
    return Deep("".join(pieces), first, last)


def deep_text(text: str, without: str = "") -> str:
    """Fold as `fold_deep` does, without saying where characters come from, which takes most of the time."""
    if _ESCAPE.search(text):
        return fold_deep(text, without).text
    table = _table(without)
    return "".join([table[character] for character in text])


def kinds_between(answer: str, text: str) -> list[str]:
    """Name the kinds of folding without which two strings that fold alike would differ.

    >>> kinds_between("Sao Tome", "São\\u200b Tomé")
    ['invisible', 'diacritics']
    """
    if squeeze(answer) == squeeze(text):
        return []
    possible = set().union(*map(_kinds_of, answer + text))
    if _ESCAPE.search(answer) or _ESCAPE.search(text):
        possible |= {"ptb_escapes", "html_escapes", "code_escapes"}
    return [k for k in KINDS if k in possible and deep_text(answer, k) != deep_text(text, k)]


def strip_punctuation(text: str, also: str = "") -> str:
    """Leave out punctuation and white space around a string, and what else is named."""
    first, last = 0, len(text)
    while first < last and _is_edge(text[first], also):
        first += 1
    while first < last and _is_edge(text[last - 1], also):
        last -= 1
    return text[first:last]


def _is_edge(character: str, also: str) -> bool:
    return character.isspace() or character in "`´" or character in also or unicodedata.category(character)[0] == "P"


def _add(text: str, offset: int, table: _Table, pieces: list[str], first: list[int], last: list[int]) -> None:
    folded = [table[character] for character in text]
    pieces += folded
    places = [place for place, part in enumerate(folded, offset) for _ in part]
    first += places
    last += [place + 1 for place in places]


def _escapes(text: str, without: str) -> list[tuple[int, int, str]]:
    """Return escapes of the Penn Treebank, of HTML and of JSON's strings: where they stand and what they mean."""
    found = []
    for match in _ESCAPE.finditer(text):
        written = match.group()
        if written.startswith("&"):
            kind, meant = "html_escapes", html.unescape(html.unescape(written))
        elif written[:2] in {"\\u", "\\x"}:
            kind, meant = "code_escapes", chr(int(written[2:], 16))
        else:
            kind, meant = "ptb_escapes", _PTB.get(written.lower(), written[-1])
        if kind != without and meant != written:
            found.append((match.start(), match.end(), meant))
    return found


class _Table(dict[str, str]):
    """Table of what each character folds to, worked out when it first occurs."""

    def __init__(self, without: str) -> None:
        super().__init__()
        self._without = without

    def __missing__(self, character: str) -> str:
        self[character] = folded = _folded(character, self._without)
        return folded


@cache
def _table(without: str) -> _Table:
    return _Table(without)


@cache
def _kinds_of(character: str) -> frozenset[str]:
    """Return the kinds of folding that change a character."""
    return frozenset(kind for kind in KINDS if _folded(character, kind) != _folded(character, ""))


def _folded(character: str, without: str) -> str:
    if is_invisible(character):
        return character if without == "invisible" else ""
    if character == _TATWEEL:
        return character if without == "tatweel" else ""
    if character in _TURKISH:
        return character if without == "turkish_i" else "i"
    marks = {} if without == "marks" else _MARKS
    text = character.translate(_TYPOGRAPHIC).translate(marks)
    # Decomposed, marks of one letter stand in canonical order within a character; dropped, order is no matter.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    text = text.translate(_TYPOGRAPHIC).translate(marks)
    if without != "letter_forms":
        text = text.translate(_LETTERS)
    if without != "diacritics":
        text = _ACCENTS.sub("", text).translate(_STROKED)
    if without != "vowel_points":
        text = _POINTS.sub("", text)
    return squeeze(text)
