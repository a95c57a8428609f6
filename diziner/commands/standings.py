"""States of all rooms, and of what sums them up: what every command that shows figures says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.common.freshness import StageFacts, Standing, State, standing_of
from diziner.common.words import listed
from diziner.layout import ROOM_SOURCES, ROOT_PIPELINE, Room, has_library, room_names, rooms
from diziner.pipeline.code import CODE, DIGESTS, PACKAGE, digests
from diziner.repro.failures import FailureRecord, failures_at
from diziner.repro.lock_facts import LockFacts
from diziner.settings import Settings

SUMMARY_STAGE = "summary"
_NAMED = 6  # rooms that a line names


@dataclass(frozen=True, slots=True)
class Standings:
    """The states by room, linked or not, and that of the stage that sums up all rooms."""

    rooms: Mapping[str, Standing]
    summary: Standing

    def shown(self, names: Iterable[str]) -> list[str]:
        """Return a line for people for each state other than current, with the rooms in it and why."""
        groups: dict[tuple[str, str], list[str]] = {}
        for name in names:
            state, _, why = str(self.of(name)).partition(": ")
            groups.setdefault((state, why), []).append(name)
        return [
            f"{state}: {listed(own, _NAMED)}{f' ({why})' if why else ''}"
            for (state, why), own in sorted(groups.items())
            if state != State.CURRENT.value
        ]

    def beside(self, names: Iterable[str]) -> list[str]:
        """Return the rooms besides `names` of which something is to be said: those in the pipeline, and others that
        have metrics."""
        linked = (
            name for name, own in self.rooms.items() if own.state is not State.UNLINKED or Room(name).has_results()
        )
        return sorted({*linked} - set(names))

    def of(self, name: str) -> Standing:
        """Return a room's state; one that has metrics and is no room is not linked."""
        return self.rooms.get(name, Standing(State.UNLINKED))


def as_json(standing: Standing) -> dict[str, object]:
    """Return a state as JSON has it in every command."""
    return {"state": standing.state.value, "why": list(standing.reasons)}


def standings(settings: Settings | None) -> Standings:
    """Return the states of the project in the current folder, without asking DVC or touching a file.

    Without settings, where nobody can read them, a room's source is what the last run took for it. A room whose files
    cannot be read has failed, and costs no other room its state.
    """
    names = room_names()
    linked = rooms()
    record = failures_at(Path())
    facts = facts_of(settings)
    found = {name: standing_of((), linked=False) for name in names}
    found |= {room.name: _room(room, facts, record) for room in linked}
    return Standings(found, _standing(ROOT_PIPELINE, SUMMARY_STAGE, facts, record))


def facts_of(settings: Settings | None) -> LockFacts:
    """Return what is known of stages without asking DVC; settings as for `standings`."""
    names = {*room_names(), *(room.name for room in rooms())}
    sources = settings.room_sources(names) if settings else None
    return LockFacts(cache(_code_changed), {ROOM_SOURCES.as_posix(): sources} if sources else {})


def _room(room: Room, facts: LockFacts, record: FailureRecord) -> Standing:
    return _standing(room.folder / ROOT_PIPELINE.name, "", facts, record, figures=room.has_results())


def _standing(pipeline: Path, only: str, facts: LockFacts, record: FailureRecord, *, figures: bool = True) -> Standing:
    try:
        found = facts.facts(pipeline, [only] if only else ())
    except UserError as error:
        return Standing(State.FAILED, (str(error),))
    group = pipeline.parent.as_posix().removeprefix(".")
    stages = [_with_record(stage, pipeline, group, record) for stage in found]
    begun = [stage for stage in stages if stage.recorded]
    if not figures and begun != stages and all(stage.done for stage in begun) and not any(map(_stopped, stages)):
        # As after `plan`, which prepares documents: no figure is there that could be out of date.
        return Standing(State.NOT_RUN, (f"{len(begun)} of {len(stages)} stages have been run",) if begun else ())
    return standing_of(stages)


def _stopped(stage: StageFacts) -> bool:
    return bool(stage.failure or stage.left_out)


def _with_record(stage: StageFacts, pipeline: Path, group: str, record: FailureRecord) -> StageFacts:
    address = f"{pipeline.as_posix()}:{stage.name}" if group else stage.name
    failure = record.failed.get(address) or record.noted.get(stage.command, "")
    return replace(stage, failure=failure, left_out=record.left_out.get(group, ""))


def _code_changed(path: str) -> str:
    """Say that modules behind a stage are others than its file of digests says, if `path` is such a file."""
    if Path(path).parent != DIGESTS:
        return ""
    here = Path.cwd()
    places = {PACKAGE.name: here if has_library(here) else CODE, DIGESTS.parent.name: here}
    said = read_json(Path(path))
    behind = {name: places[name.partition("/")[0]] / name for name in said if name.partition("/")[0] in places}
    there = digests(file for file in behind.values() if file.is_file())
    other = sorted(name for name in behind if there.get(name) != said[name])
    return f"code changed: {other[0]}{f' and {len(other) - 1} more' if other[1:] else ''}" if other else ""
