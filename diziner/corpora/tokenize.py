"""Tokenizer for texts that come without tokens."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# What manifests call it. Its number rises when a text of any script gets other tokens.
TOKENIZER = "diziner 1"

# Scripts written without spaces: Thai, Lao, Burmese, Khmer, Kana, Han.
_DENSE = "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_JOINERS = "\u200c\u200d"


def tokenize(text: str) -> tuple[str, ...]:
    """Split a text in any language into tokens; only white space is lost, so tokens occur in it in order.

    One token each: web and mail addresses, dotted abbreviations (U.N.), numbers with their separators and
    currency sign (3.5, 1,000, $20, 12:30), chemical and language names (Ca2+, C++, C#), words with inner
    ampersands, underscores or digits (AT&T, user_1, IL2), runs of one punctuation mark (...), the English
    possessive 's. Every other mark stands alone, so that a name ends beside it: d'Orange, Stuttgart-based, @user.
    Scripts without spaces give one token per character with its combining marks. Text without visible
    characters gives ().
    """
    return tuple(match.group() for match in _pattern().finditer(text))


@cache
def _pattern() -> re.Pattern[str]:
    mark = f"[{_combining_marks()}{_JOINERS}]"
    letter = rf"(?:(?![{_DENSE}])[^\W_]{mark}*)"
    # A full stop joins before what may be a domain.
    joint = r"(?:[&_]|(?<=\d)[.,](?=\d)|\.(?=[a-z]{2,4}\b))"
    alternatives = (
        r"(?:https?://|www\.)\S*[^\s.,;:!?'\")\]}»”]",
        r"\w(?:[\w.+-]*\w)?@\w(?:[\w-]*\w)?(?:\.\w[\w-]*)+",
        rf"(?:[^\W\d_]{mark}*\.){{2,}}",
        r"[$€£¥₹]\d+(?:[.,]\d+)*",
        r"\d+(?:[.,:/]\d+)+(?!\w)",
        rf"{letter}+(?:{joint}{letter}+)*(?:\+{{1,2}}(?!\w)|#(?!\w))?",
        r"['’][sS]\b",
        rf"[{_DENSE}]{mark}*",
        r"(\S)\1*",
    )
    return re.compile("|".join(alternatives))


@cache
def _combining_marks() -> str:
    """Return all combining marks: `\\w` knows most of them not, so that it would cut words of many scripts."""
    ranges: list[list[int]] = []
    for code in range(0x300, 0x1F000):
        if unicodedata.category(chr(code)).startswith("M"):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)
