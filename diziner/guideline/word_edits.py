"""Word edits from one text to another."""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

_FOREIGN = 0.3  # share of common words below which marking single words only confuses
_TOKENS = re.compile(r"\s+|\w+|[^\w\s]")


class Edit(NamedTuple):
    """A step from one text to another: `mark` is "=" (kept), "-" (taken out) or "+" (put in)."""

    mark: str
    text: str


def word_edits(before: str, after: str) -> tuple[Edit, ...]:
    """Return how to get from one text to another, word by word; as a whole where hardly a word is common.

    >>> [tuple(edit) for edit in word_edits("Mark a city.", "Mark every city.")]
    [('=', 'Mark '), ('-', 'a'), ('+', 'every'), ('=', ' city.')]
    >>> [tuple(edit) for edit in word_edits("Mark a city.", "Leave dates out")]
    [('-', 'Mark a city.'), ('+', 'Leave dates out')]
    """
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    if before != after and common_words(before, after) < _FOREIGN:
        return tuple(edit for edit in (Edit("-", before), Edit("+", after)) if edit.text)
    edits: list[Edit] = []
    out = into = ""
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for position, (operation, i, j, k, n) in enumerate(codes):
        kept = "".join(old[i:j])
        # A space between two changed words belongs to the change: one mark instead of two.
        if operation == "equal" and not ((out or into) and kept.isspace() and position + 1 < len(codes)):
            edits += [edit for edit in (Edit("-", out), Edit("+", into), Edit("=", kept)) if edit.text]
            out = into = ""
        else:
            out, into = out + kept, into + "".join(new[k:n])
    edits += [edit for edit in (Edit("-", out), Edit("+", into)) if edit.text]
    return tuple(edits)


def common_words(before: str, after: str) -> float:
    """Return the share of words that two texts have in common, in order, 0 to 1: 2 * common / all words of both.

    Case and punctuation do not count; two texts without a word have all in common. A share under 0.3 may be
    given as 0.0.
    """
    old, new = (re.findall(r"\w+", text.casefold()) for text in (before, after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    # The bound costs little and settles most pairs.
    return matcher.ratio() if matcher.quick_ratio() >= _FOREIGN else 0.0


def changed_words(before: str, after: str) -> int:
    """Return how many words really differ between two texts: of each stretch that was changed the longer side.

    >>> changed_words("Mark a city as location.", "Mark every city as location, too.")
    2
    >>> changed_words("", "three more words")
    3
    """
    old, new = (re.findall(r"[^\W_]+", text.casefold()) for text in (before, after))
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(max(j - i, n - k) for operation, i, j, k, n in codes if operation != "equal")
