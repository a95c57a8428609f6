"""The reviewed list of odd values that are taken: tests/attack/accepted.yaml, an entry with its reason each."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LIST = Path(__file__).with_name("accepted.yaml")


def reviewed(part: str, where: str, value: str) -> bool:
    """Say whether an odd value at a place stands on the list."""
    return any(
        any(fnmatchcase(where, pattern) for pattern in places) and any(fnmatchcase(value, each) for each in named)
        for places, named in _entries(part)
    )


@cache
def _entries(part: str) -> list[tuple[list[str], list[str]]]:
    return list(_read(part))


def _read(part: str) -> Iterator[tuple[list[str], list[str]]]:
    for entry in entries().get(part, ()):
        yield [_literal(each) for each in entry["at"]], [_literal(each) for each in entry["values"]]


def _literal(pattern: str) -> str:
    """A pattern in which only ** stands for anything: * and brackets are parts of keys."""
    return "*".join(part.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]") for part in pattern.split("**"))


def entries() -> dict[str, list[dict[str, Any]]]:
    """The list as it is written, by part."""
    found: dict[str, list[dict[str, Any]]] = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return found
