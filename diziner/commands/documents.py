"""Documents of all rooms before a run: which rooms can be prepared, and those that cannot, with the reason."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diziner.common.errors import DizinerError, UserError
from diziner.common.files import read_json, write_json, write_text
from diziner.corpora.at_hand import missing, unlinked
from diziner.corpora.card import load_card
from diziner.corpora.sources import source_of
from diziner.layout import DATA, PARAMS, ROOM_SOURCES, Room, room_names
from diziner.settings import Settings

if TYPE_CHECKING:
    from diziner.repro.dvc_graph import DvcGraph
    from diziner.repro.run import Leaving

_STAGE = "corpus"
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)  # what a project says that one may look at alone


def write_room_sources(settings: Settings) -> None:
    """Write which source each room is loaded from, as the stage code_digests does, where it is not as the settings say:
    what is out of date is then known before anything runs, and a new room has the entry that its stage depends on."""
    rooms = room_names()
    now = settings.room_sources(rooms)
    for name in sorted(set(settings.named_sources) - set(rooms)):
        sys.stderr.write(f"{PARAMS}: corpus.source: no benchmark {name!r} here; is the name right?\n")
    if not ROOM_SOURCES.is_file() or read_json(ROOM_SOURCES) != now:
        write_json(ROOM_SOURCES, now)


def leaving(settings: Settings, force: bool = False) -> Leaving:
    """Return how a run leaves out the rooms whose documents it can neither keep, nor take from the cache, nor load."""
    from diziner.repro.dvc_graph import StageError, State
    from diziner.repro.run import Leaving

    def known(graph: DvcGraph) -> Mapping[str, str]:
        found = {}
        for step in graph.steps:
            if step.kind == _STAGE and Path(step.group).parent == DATA:
                try:
                    needed = graph.foresee(step.name, force) is State.RUN
                except StageError:
                    needed = True
                if needed and (reason := _missing(Room(Path(step.group).name), settings)):
                    found[step.group] = reason
        return found

    def note(group: str, why: str) -> None:
        path, name = Room(Path(group).name).left_out, Path(group).name
        if why:
            write_text(path, f"{' '.join(why.removeprefix(f'{name}: ').split())}\n")
        else:
            path.unlink(missing_ok=True)

    return Leaving(_STAGE, known, lambda group: unlinked(Path(group).name), note)


def prepare(names: Sequence[str], settings: Settings, strict: bool) -> dict[str, str]:
    """Bring the documents of rooms up to date, with progress on standard error where there is something to do; return
    why rooms cannot be prepared, by name. No model is asked.

    Errors: UserError if one cannot and `strict` forbids to go on without it, and for what keeps DVC from working;
    DizinerError if a stage fails otherwise.
    """
    from diziner.repro import dvc_graph

    if not names or not dvc_graph.supported_version():
        return {}
    from diziner.repro.run import reproduce
    from diziner.repro.view import DocumentsView

    targets = [f"{Room(name).folder}/dvc.yaml:{_STAGE}" for name in names]
    try:
        write_room_sources(settings)
        outcome = reproduce(
            Path.cwd(), targets, os.cpu_count() or 1, False, True, DocumentsView(sys.stderr), leaving(settings)
        )
    except (UserError, OSError) as error:  # a run is at work here, say: a plan may be asked for meanwhile
        if isinstance(error, OSError) and error.errno not in _READ_ONLY:
            raise
        if not all(Room(name).manifest.is_file() for name in names):
            raise
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        sys.stderr.write(f"documents are taken as they are: {why}\n")
        return {}
    if outcome.signal:
        raise SystemExit(128 + outcome.signal)
    reasons = {Path(group).name: why for group, why in outcome.left_out.items()}
    for failure in outcome.failures:  # of another stage before the documents, or by a bug of ours
        output = f"; its output: {os.path.relpath(failure.log)}" if failure.log else ""
        kind = UserError if failure.code == 2 else DizinerError
        raise kind(f"{failure.step.label}: {failure.message}{output}")
    if strict and reasons:
        name = min(reasons)
        raise UserError(f"{name} cannot be prepared: {reasons[name]}{unlinked(name)}")
    return reasons


def left_out_lines(reasons: Mapping[str, str]) -> str:
    """Return a line for each room that is left out."""
    return "".join(f"left out: {name}: {reasons[name].removeprefix(f'{name}: ')}\n" for name in sorted(reasons))


def _missing(room: Room, settings: Settings) -> str | None:
    card = load_card(room.folder)
    return missing(card, source_of(card, settings.source(room.name)), settings.local_dir)
