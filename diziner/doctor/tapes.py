"""Checks of the tapes: recorded answers that a run replays."""

from __future__ import annotations

from collections.abc import Iterator

from diziner.common.words import counted, listed
from diziner.doctor.finding import Finding, reason
from diziner.doctor.subject import Subject
from diziner.layout import Room


def check_tapes(subject: Subject) -> Iterator[Finding]:
    """Yield every row of every tape: readable, unaltered, its key that of its request."""
    if subject.root is None:
        return
    whole = [rows for rows in subject.tapes.values() if isinstance(rows, list)]
    damaged = {name: error for name, error in subject.tapes.items() if isinstance(error, Exception)}
    without = [name for name, rows in subject.tapes.items() if rows is None]
    for name, error in damaged.items():
        path = Room(name).tape
        mend = f"`git checkout -- {path}` brings back the committed one"
        yield Finding("answers", f"tape of {name}", "problem", reason(error), mend, {"path": str(path)})
    answers = sum(map(len, whole))
    said = f"{len(whole)} whole in {counted(len(subject.tapes), 'room')}, {counted(answers, 'answer')}"
    said += f"; none in {listed(without, 3)}" if without else ""
    facts = {
        "rooms": len(subject.tapes),
        "whole": len(whole),
        "damaged": len(damaged),
        "answers": answers,
        "without": without,
    }
    yield Finding("answers", "tapes", "ok", said, facts=facts)
