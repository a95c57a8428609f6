"""Targets of commands, as people and DVC name them, and all there are."""

from __future__ import annotations

from diziner.common.errors import UserError
from diziner.common.words import listed
from diziner.layout import DATA, Room, room_names, rooms

_NAMED = 6  # rooms that a line names


def address(target: str) -> str:
    """Return a target as DVC names it: a benchmark's name stands for its pipeline.

    >>> address("data/conll2003/dvc.yaml:score")
    'data/conll2003/dvc.yaml:score'
    """
    pipeline = DATA / target.partition(":")[0] / "dvc.yaml"
    if "/" not in target and pipeline.exists():
        stage = target.partition(":")[2]
        return f"{pipeline}:{stage}" if stage else str(pipeline)
    return target


def linked_rooms() -> list[Room]:
    """Return the rooms in the pipeline.

    Errors: UserError, with the command that brings one, if there is none.
    """
    if found := rooms():
        return found
    if there := room_names():
        raise UserError(
            f"no corpus is in the pipeline: `diziner data link {there[0]}` (here are {listed(there, _NAMED)})"
        )
    raise UserError("no corpus is here yet: `diziner new NAME --from FILE --types A,B` makes one of your texts")
