"""Rounding of figures in files: floats at six places, so that the same run gives the same bytes on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLACES = 6


def rounded(value: Any, places: int = PLACES) -> Any:
    """Return the floats of JSON-able data at `places`, wherever they stand; -0.0 becomes 0.0, a tuple a list.

    >>> rounded({"a": (1, 2 / 3), "b": -0.0000001, "c": None})
    {'a': [1, 0.666667], 'b': 0.0, 'c': None}
    """
    if isinstance(value, float):
        return round(value, places) + 0.0
    if isinstance(value, Mapping):
        return {key: rounded(item, places) for key, item in value.items()}
    return [rounded(item, places) for item in value] if isinstance(value, list | tuple) else value


def rounded_finely(value: Any) -> Any:
    """Round to nine places: no last bit shows in a file, and rounds that are compared by the file still differ."""
    return rounded(value, places=9)
