"""Pseudo-random decisions that are functions of their key: no state, no clock, equal on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Option = TypeVar("Option")


def fraction(*key: object) -> float:
    """Return a number in [0, 1), uniform over keys. The order of the parts matters; parts are told apart."""
    text = "\x1f".join(str(part) for part in key)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    # 53 bits are what a float holds; more could round up to 1.0.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def choose(options: Sequence[Option], *key: object) -> Option:
    """Return one of the options, uniform over keys. Errors: ValueError where there is none."""
    if not options:
        raise ValueError("nothing to choose from")
    return options[int(fraction(*key) * len(options))]
