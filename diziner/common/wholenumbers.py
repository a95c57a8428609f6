"""Whole numbers in text: Python refuses those of more than 4,300 digits with an error of its own."""

from __future__ import annotations

_MOST_DIGITS = 18  # below 2^63; no offset, index or port has as many


def whole_number(text: str) -> int | None:
    """Return the number that decimal digits write; None for anything else, and for more than 18 digits.

    >>> whole_number("042"), whole_number("-1"), whole_number("²"), whole_number(""), whole_number("9" * 5000)
    (42, None, None, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
