"""Checks of the tapes: recorded answers that a run replays."""

from __future__ import annotations

from collections.abc import Iterator

from diziner.doctor.finding import Finding, counted, listed, reason
from diziner.doctor.place import Place
from diziner.layout import Room


def check_tapes(place: Place) -> Iterator[Finding]:
    """Every row of every tape: readable, unaltered, its key that of its request."""
    if place.root is None:
        return
    whole = [rows for rows in place.tapes.values() if isinstance(rows, list)]
    damaged = {name: error for name, error in place.tapes.items() if isinstance(error, Exception)}
    without = [name for name, rows in place.tapes.items() if rows is None]
    for name, error in damaged.items():
        path = Room(name).tape
        mend = f"`git checkout -- {path}` brings back the committed one"
        yield Finding("answers", f"tape of {name}", "problem", reason(error), mend, {"path": str(path)})
    answers = sum(map(len, whole))
    said = f"{len(whole)} whole in {counted(len(place.tapes), 'room')}, {counted(answers, 'answer')}"
    said += f"; none in {listed(without, 3)}" if without else ""
    facts = {
        "rooms": len(place.tapes),
        "whole": len(whole),
        "damaged": len(damaged),
        "answers": answers,
        "without": without,
    }
    yield Finding("answers", "tapes", "ok", said, facts=facts)
