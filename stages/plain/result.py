"""Results for other programs: JSON on standard output."""

from __future__ import annotations

import json

from stages.rounding import rounded


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
    return json.dumps(rounded(value), ensure_ascii=False, sort_keys=True, allow_nan=False, indent=2) + "\n"
