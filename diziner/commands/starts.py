"""Starts: the guidelines that round 0 can begin with, a rich and a terse one of the same types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diziner.guideline.file import load_guideline
from diziner.layout import RICH, STARTS, TERSE
from diziner.records.guideline import EntityType


def without_terse_start(folder: Path) -> str | None:
    """Return a line that says so if a room has no terse guideline, which corpora of your own need not have."""
    path = folder / STARTS[TERSE]
    if path.is_file():
        return None
    return f"no {path.name}: round 0 cannot begin with it (guideline.start: terse) until you write one"


def difference_of_starts(folder: Path) -> str | None:
    """Return a line that says where the types of a room's two guidelines differ in label, name or order; None if they
    are the same, or if one guideline is not there: the two are of one scheme, in many words and in few.

    Errors: UserError for a guideline that cannot be read.
    """
    rich, terse = (folder / STARTS[start] for start in (RICH, TERSE))
    if not (rich.is_file() and terse.is_file()):
        return None
    many, few = (_named(load_guideline(path).types) for path in (rich, terse))
    if many == few:
        return None
    return f"{terse}: types are {', '.join(few)}; must be those of {rich.name}, in order: {', '.join(many)}"


def _named(types: Sequence[EntityType]) -> list[str]:
    return [f"{t.label} ({t.name})" for t in types]
