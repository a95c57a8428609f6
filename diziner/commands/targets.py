"""Targets of commands, as people and DVC name them, and all there are."""

from __future__ import annotations

import os
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.words import listed
from diziner.common.yamlfile import read_yaml
from diziner.layout import DATA, ROOT_PIPELINE, Room, project_root, room_names, rooms

PIPELINE = ROOT_PIPELINE.name
_DOTS = ("", ".", "..")
_NAMED = 6  # rooms that a line names


def address(target: str) -> str:
    """Return a target as DVC names it from the project's root; paths are meant from the current folder, where nothing
    is there from the root. Read before the command goes to the root.

    A folder or a benchmark's name stands for the pipeline there, a stage's name for that of the pipeline here.
    Errors: UserError for an empty word.

    >>> address("data/conll2003/dvc.yaml:score")
    'data/conll2003/dvc.yaml:score'
    """
    if not target:
        raise UserError("TARGET: an empty word; a target is a benchmark, a folder, a dvc.yaml or a stage")
    here = Path.cwd()
    try:
        root = project_root(here)
    except UserError:  # which the command says
        return target
    path, colon, stage = target.partition(":")
    name = path.rstrip("/")
    room = DATA / name / PIPELINE
    if "/" not in name and name not in _DOTS and (root / room).is_file():
        return f"{room.as_posix()}{colon}{stage}"
    if here != root and not colon and "/" not in path and _has_stage(here / PIPELINE, path):
        return f"{_from_root(here / PIPELINE, root)}:{path}"
    for start in (here, root):
        found = start / path
        if (found / PIPELINE).is_file():
            return f"{_from_root(found / PIPELINE, root)}{colon}{stage}"
        if found.exists():
            return f"{_from_root(found, root)}{colon}{stage}"
    # An output that is not there: of this folder, if what it would be in is.
    if here != root and "/" in path and (here / path).parent.is_dir():
        return _from_root(here / path, root)
    return target


def _from_root(path: Path, root: Path) -> str:
    """Return a path from the root; one outside of the project stays as it is."""
    return Path(os.path.relpath(os.path.normpath(path), root)).as_posix()


def _has_stage(pipeline: Path, name: str) -> bool:
    """Say whether a dvc.yaml has a stage, which may be one of a matrix."""
    if not pipeline.is_file():
        return False
    value = read_yaml(pipeline)
    stages = value.get("stages") if isinstance(value, dict) else None
    return isinstance(stages, dict) and name.partition("@")[0] in stages


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
