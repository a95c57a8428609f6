"""Units of a run that people are told of: its stages, where these are few; else the parts of rooms, or whole rooms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from diziner.repro.plan import Step

MOST = 24  # lines that a run has, about, where nobody is watching
ROUNDS = "rounds"  # the column of all of them, where there is no place for each
ALL = "all"  # what is of no room, as it is of all


def column(step: Step) -> str:
    """Return the part of its room that a stage belongs to: `start`, a round such as `r1`, or `end`.

    A refinement stands in the round it writes the guideline of.

    >>> column(Step("data/b/dvc.yaml:annotate@m-round1")), column(Step("data/b/dvc.yaml:refine@step0"))
    ('r1', 'r1')
    >>> column(Step("data/b/dvc.yaml:corpus")), column(Step("summary"))
    ('start', 'end')
    """
    number = re.search(r"@.*?(\d+)$", step.name)
    if number is None or step.kind == "predict":
        return "start" if step.kind == "corpus" else "end"
    return f"r{int(number[1]) + (step.kind == 'refine')}"


def column_order(name: str) -> tuple[int, int]:
    """Sort columns from start to end, rounds by number."""
    number = name.removeprefix("r")
    return (1, int(number)) if number.isdigit() else ({"start": 0, ROUNDS: 1}.get(name, 2), 0)


def room_of(step: Step) -> str:
    """Return the room of a stage, `all` for what is of no room."""
    return step.group.rpartition("/")[2] or ALL


def units(steps: Iterable[Step], most: int = MOST) -> dict[str, str]:
    """Return each stage's unit by its name: the finest that makes no more than `most` of them.

    >>> two = [Step("data/b/dvc.yaml:annotate@m-round1", "data/b"), Step("data/b/dvc.yaml:disagree@round1", "data/b")]
    >>> list(units(two).values()), list(units(two, 1).values())
    (['b annotate@m-round1', 'b disagree@round1'], ['b r1', 'b r1'])
    """
    steps = list(steps)
    found = {step.name: step.label for step in steps}
    if len(steps) > most:
        found = {step.name: f"{room_of(step)} {column(step)}" if step.group else ALL for step in steps}
    if len({*found.values()}) > most:
        found = {step.name: room_of(step) for step in steps}
    return found


def in_words(became: Counter[str]) -> str:
    """Return what became of the stages of a unit.

    >>> in_words(Counter(finished=3, cached=1))
    '3 ran, 1 from the run-cache'
    """
    words = {"finished": "ran", "cached": "from the run-cache", "waiting": "waiting for batches"}
    order = ("finished", "cached", "unchanged", "failed", "stopped", "waiting", "skipped")
    return ", ".join(f"{became[how]} {words.get(how, how)}" for how in order if became[how])
