"""Checks of the tapes: recorded answers that a run replays."""

from __future__ import annotations

from collections.abc import Iterator

from stages.doctor.finding import CANNOT, Finding, counted, listed, reason
from stages.doctor.place import Place
from stages.rooms import rooms


def check_tapes(place: Place) -> Iterator[Finding]:
    """Every row of every tape: readable, unaltered, its key that of its request."""
    if place.root is None:
        return
    from stages.llm.tape import read_tape

    found = rooms()
    without: list[str] = []
    damaged = answers = 0
    for room in found:
        try:
            if room.tape.exists():
                answers += len(read_tape(room.tape))
            else:
                without.append(room.name)
        except CANNOT as error:
            damaged += 1
            mend = f"`git checkout -- {room.tape}` brings back the committed one"
            yield Finding("answers", f"tape of {room.name}", "problem", reason(error), mend, {"path": str(room.tape)})
    whole = len(found) - len(without) - damaged
    said = f"{whole} whole in {counted(len(found), 'room')}, {counted(answers, 'answer')}"
    said += f"; none in {listed(without, 3)}" if without else ""
    facts = {"rooms": len(found), "whole": whole, "damaged": damaged, "answers": answers, "without": without}
    yield Finding("answers", "tapes", "ok", said, facts=facts)
