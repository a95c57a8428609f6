"""Damaged stores, tapes, exports and journals: refused in one line, or the answers that were kept and no others."""

from __future__ import annotations

from pathlib import Path

import damaged_answers

from attack.findings import Attempt, Case, Finding, Part

COUNT = 360


def cases(seed: int) -> list[Case]:
    """All kinds of damage in turn, each time at another place."""
    return [
        Case(number, f"{file}, {damage}, seed {seed * COUNT + number}", (file, damage, seed * COUNT + number))
        for number, (file, damage, _) in enumerate(damaged_answers.cases(COUNT))
    ]


def prepared(folder: Path) -> Attempt:
    """Make a whole store, tape and export to damage copies of."""
    rows = damaged_answers.originals(folder)

    def attempt(given: tuple[str, str, int]) -> Finding:
        came_to = damaged_answers.outcome(folder, rows, *given)
        if came_to.startswith("WRONG"):
            return Finding("wrong", came_to)
        return Finding("refused" if came_to == "refused" else "accepted", came_to)

    return attempt


PART = Part("stores", cases, prepared, least=300, brief=10)
