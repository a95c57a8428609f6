"""Files of a new project, as bytes by path.

An installed package holds them in its folder `skeleton`. A checkout holds there only what no checkout needs, and has
the rest where it stands; pyproject.toml says which files these are, to the build of the package too.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from enum import Enum
from pathlib import Path

from diziner.common.version import VERSION
from diziner.layout import (
    DATA,
    GATES,
    MARK,
    METRICS,
    PARAMS,
    PIPELINE,
    PUBLISHED,
    ROOM_SOURCES,
    ROOT_PIPELINE,
    has_library,
)
from diziner.pipeline.code import CODE, PACKAGE

SKELETON = PACKAGE / "skeleton"
_EXAMPLE = "conll2003"
_PROFILE = PACKAGE / "profiles" / "embedded.yaml"
_ROOT_LOCK = Path("dvc.lock")
_LIBRARY_DEP = "      - diziner\n"
_LIBRARY_LOCKED = re.compile(
    r"(?<=- path: )diziner\n      hash: md5\n      md5: \S+\n      size: \d+\n      nfiles: \d+(?=\n)"
)
_FLOOR = re.compile(r"^    (\w+): [\d.]+\n", re.MULTILINE)


class Laid(Enum):
    """What a project begins with: all benchmarks, one as an example, or none, for corpora of one's own."""

    ALL = "all"
    EXAMPLE = "example"
    OWN = "own"


def project_files(laid: Laid = Laid.ALL) -> dict[Path, bytes]:
    """Return the files of a project; the mark comes last.

    With all benchmarks, metrics and locks are those of the recorded run, so that a replay leaves them as they are. With
    none there are no floors and no limit on cost either: a server of one's own has no prices.
    """
    sources = _sources()
    every = sorted(path.parent.name for path in sources if path.name == "sample.txt")
    rooms = {Laid.ALL: every, Laid.EXAMPLE: [_EXAMPLE], Laid.OWN: []}[laid]
    files = {path: source.read_bytes() for path, source in sources.items() if _belongs(path, rooms, laid)}
    template = files[PIPELINE]
    for name in rooms:
        files[DATA / name / "dvc.yaml"] = template
    files[PARAMS] = _PROFILE.read_bytes()
    files[ROOT_PIPELINE] = root_pipeline(files[ROOT_PIPELINE].decode()).encode()
    if _ROOT_LOCK in files:
        files[_ROOT_LOCK] = _root_lock(files[_ROOT_LOCK].decode()).encode()
    gates = _FLOOR.sub(lambda line: line[0] if line[1] in rooms else "", files[GATES].decode())
    if laid is Laid.OWN:
        files[ROOM_SOURCES] = b"{}\n"
        gates = gates.replace("floors: #", "floors: {} #", 1)
        gates = re.sub("^max_usd: [0-9.]+", "max_usd: null", gates, flags=re.MULTILINE)
    files[GATES] = gates.encode()
    return dict(sorted(files.items())) | {MARK: mark()}


def managed(files: dict[Path, bytes]) -> dict[Path, bytes]:
    """Return those files of a project that come from diziner alone: people edit the others."""
    folders = (PIPELINE.parent, Path(".dvc") / "plots")
    alone = (Path("Makefile"), ROOT_PIPELINE)
    return {path: data for path, data in files.items() if path in alone or any(path.is_relative_to(f) for f in folders)}


def mark() -> bytes:
    """Return the mark of a project that this version lays."""
    return f"{VERSION}\n".encode()


def root_pipeline(text: str) -> str:
    """Put the mark in place of the library among the dependencies of code_digests: the library is not in the project.

    So another version of diziner, which writes another mark, has the digests written anew.
    """
    return text.replace(_LIBRARY_DEP, f"      - {MARK}\n", 1)


def _root_lock(text: str) -> str:
    data = mark()
    digest = hashlib.md5(data).hexdigest()
    locked = f"{MARK}\n      hash: md5\n      md5: {digest}\n      size: {len(data)}"
    return _LIBRARY_LOCKED.sub(locked, text, count=1)


def _sources() -> dict[Path, Path]:
    files = {path for path in SKELETON.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    found = {path.relative_to(SKELETON): path for path in files}
    if has_library(CODE) and (CODE / "pyproject.toml").is_file():
        table = tomllib.loads((CODE / "pyproject.toml").read_text(encoding="utf-8"))
        patterns = table.get("tool", {}).get("diziner", {}).get("skeleton", ())
        found |= {path.relative_to(CODE): path for pattern in patterns for path in CODE.glob(pattern)}
    return found


def _belongs(path: Path, rooms: list[str], laid: Laid) -> bool:
    """Return whether a file is of these rooms or of none; only a project of all has outputs that span all."""
    if path == PUBLISHED:
        return bool(rooms)
    if path.parent.parent == DATA:
        return path.parent.name in rooms
    if path.parent.parent == METRICS:
        return path.stem in rooms or (path.parent.name == "plots" and laid is Laid.ALL)
    return not (laid is not Laid.ALL and (path == _ROOT_LOCK or (path.parent == METRICS and path.suffix == ".json")))
