"""Words of messages: numbers with their nouns, lists that are cut short."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, thing: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "note"), counted(0, "note"), counted(2400, "bad row")
    ('1 note', '0 notes', '2,400 bad rows')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def listed(words: Sequence[str], most: int = 5) -> str:
    """Return the first words, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")
