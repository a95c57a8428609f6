"""Results for other programs: JSON on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

PLACES = 6


def json_text(value: object) -> str:
    """JSON with sorted keys, floats at 6 places, two spaces, a newline at the end. Never NaN.

    >>> print(json_text({"b": -0.0000001, "a": (1, 2 / 3)}), end="")
    {
      "a": [
        1,
        0.666667
      ],
      "b": 0.0
    }
    """
    return json.dumps(_rounded(value), ensure_ascii=False, sort_keys=True, allow_nan=False, indent=2) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, PLACES) + 0.0  # adding zero turns -0.0 into 0.0
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_rounded(item) for item in value]
    return value
