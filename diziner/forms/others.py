"""Further keys and columns of a document in a file: those that hold no text, tokens, labels or id."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from diziner.common import jsontext
from diziner.forms.jsonkeys import LABEL_KEYS

_APART = ("split", "failure", "characters")  # keys that readers know, and that are as good as others here
_LABELLED = {"drops", "repairs", "responses", "failure"}  # keys that together only labelled rows of ours have


def other_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else a row has, as JSON can hold it. Labels are left out, and so is all that a labelled row of this
    project says: what that one was made from goes on."""
    others = {**value.get("other", {}), **{key: value[key] for key in _APART if key in value}}
    if others.keys() >= _LABELLED:
        before = others.get("other") or {}
        others = jsontext.row(before) if isinstance(before, str) else before
    return {
        str(key): _storable(each)
        for key, each in others.items()
        if not (key in LABEL_KEYS and (each is None or isinstance(each, list | Mapping)))
    }


def _storable(value: object) -> Any:
    """Return a value of a file as JSON holds it: dates and decimal numbers as text, no number as null, half a surrogate
    pair as its escape, bytes as how many there are."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
