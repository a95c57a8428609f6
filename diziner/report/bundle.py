"""Contents of a bundle: the files that a run stands on and what came of it, without texts that may not be passed on.

What goes in is named: the project's own files by a list, outputs by the lock files, which must fit. Nothing else in the
folder does, so that no note or key of the user's gets in.
"""

from __future__ import annotations

import configparser
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_json, read_jsonl, readable
from diziner.common.secret_values import key_in, key_in_file
from diziner.common.yamlfile import parse_yaml_as_dvc
from diziner.corpora.card import Card, load_card
from diziner.layout import (
    GATES,
    LIBRARY,
    MARK,
    METRICS,
    PARAMS,
    PIPELINE,
    PUBLISHED,
    ROOT_PIPELINE,
    STARTS,
    Room,
    has_library,
    room_names,
)
from diziner.report.locked import dependencies, files_in, recorded_files
from diziner.settings import Settings

LOCK = "dvc.lock"
CODE = (PIPELINE.parent, LIBRARY.parent)  # folders that go in whole, the library where the project has it
_CONFIG = Path(".dvc") / "config"
_OWN = (MARK, PARAMS, ROOT_PIPELINE, Path(LOCK), GATES, PUBLISHED)
# Beside these, what a checkout or a project may have: how it is installed, licensed and cited.
_BESIDE = (
    *("LICENSE", "CITATION.cff", "README.md", "Makefile", "pyproject.toml", "setup.py", "requirements.lock"),
    *(".dvcignore", ".gitignore", ".dvc/.gitignore"),
)
# What is in a room that holds no text of documents: labels, counts, ids, and what people and the supervisor wrote.
_TEXT_FREE = (
    *("benchmark.yaml", "dvc.yaml", LOCK, "pilots.yaml", "guideline.yaml", "guideline.terse.yaml"),
    *("corpus/manifest.json", "final/selection.json", "final/guideline.yaml", "final/scores.json"),
    *("final/usage.*.jsonl", "rounds/*/guideline.yaml", "rounds/*/refinement.json", "rounds/*/refinement.usage.jsonl"),
    *("rounds/*/agreement.json", "rounds/*/confusion.json", "rounds/*/hotspots.jsonl", "rounds/*/usage/*.jsonl"),
    *("rounds/*/metrics.json", "rounds/*/refinement.metrics.json"),
    *("rounds/*/tallies/*.json", "rounds/*/annotations/*.jsonl", "rounds/*/samples/*/usage.jsonl"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark of a bundle: its card, whether its texts are in, and why."""

    card: Card
    texts: bool
    why: str


@dataclass
class Contents:
    """Members of a bundle by name, its benchmarks, and what of these was left out, by benchmark."""

    members: dict[str, bytes | Path] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)


def contents_of(settings: Settings, rooms: Sequence[Room]) -> Contents:
    """Collect what belongs into a bundle of the project in the current folder.

    Errors: UserError for an output that is missing or is not what its lock file says, and for a key in a file.
    """
    found = Contents()
    for path in (*_OWN, *map(Path, _BESIDE)):
        if path.is_file():
            found.members[path.as_posix()] = path
    if _CONFIG.is_file():
        found.members[_CONFIG.as_posix()] = _without_remotes(_CONFIG)
    for folder in CODE if has_library(Path()) else CODE[:1]:
        found.members |= {path.as_posix(): path for path in files_in(folder)}
    found.members |= {path.as_posix(): path for path in recorded_files(Path(LOCK)) if path.parts[0] == METRICS.name}
    for room in map(Room, room_names()):  # also those that are not in the pipeline: settings and digests name them
        if room not in rooms:
            own = [room.folder / "benchmark.yaml", room.pins, *(room.folder / name for name in STARTS.values())]
            found.members |= {path.as_posix(): path for path in own if path.is_file()}
    for room in rooms:
        _add_room(found, settings, room)
    refuse_keys(found)
    return found


def passes(card: Card, source: str) -> tuple[bool, str]:
    """Say whether a benchmark's texts may be passed on, as they were loaded for a run, and why."""
    if source == "sample" and card.sample_is_stand_in:
        return True, "original text in place of the benchmark's"
    if card.licence.redistribute:
        return True, card.licence.name
    return False, f"{card.licence.name}: texts may not be passed on"


def _add_room(found: Contents, settings: Settings, room: Room) -> None:
    card = load_card(room.folder)
    texts, why = passes(card, settings.source(room.name))
    found.parts.append(Part(card, texts, why))
    names = ("benchmark.yaml", "dvc.yaml", LOCK, "pilots.yaml", "guideline.yaml", "guideline.terse.yaml", "tape.jsonl")
    paths = {room.folder / name for name in names}
    if room.has_results():
        lock = room.folder / LOCK
        recorded = set(recorded_files(lock))
        _add_metrics(found, recorded)
        paths |= {path for path in recorded | set(dependencies(lock)) if path.is_relative_to(room.folder)}
    else:
        found.unfinished.append(room.name)
    for path in sorted(filter(Path.is_file, paths)):
        is_text = not _is_text_free(path, room)
        if is_text and not texts:
            found.left_out.setdefault(room.name, []).append(path.as_posix())
            continue
        found.members[path.as_posix()] = path
        if is_text:
            found.texts.add(path.as_posix())


def _add_metrics(found: Contents, paths: Iterable[Path]) -> None:
    found.members |= {path.as_posix(): path for path in paths if path.parts[0] == METRICS.name}


def _is_text_free(path: Path, room: Room) -> bool:
    """Say whether a file of a room is known to hold no text of its documents, not as an example either."""
    inside = PurePosixPath(path.relative_to(room.folder).as_posix())
    if not any(inside.match(pattern) and len(inside.parts) == pattern.count("/") + 1 for pattern in _TEXT_FREE):
        return False
    if path.suffix == ".jsonl":
        return not any(map(_quotes, read_jsonl(path)))
    with readable(path):
        return not _quotes(parse_yaml_as_dvc(path.read_bytes()) if path.suffix != ".json" else read_json(path))


def _quotes(value: Any) -> bool:
    """Say whether a record holds pieces of documents: examples that annotators agreed on, mentions that were widened,
    what a model said where it failed."""
    if isinstance(value, list):
        return any(map(_quotes, value))
    if not isinstance(value, dict):
        return False
    if value.get("agreed") or value.get("detail"):
        return True
    if isinstance(value.get("widened"), dict) and value["widened"].get("examples"):
        return True
    return any(map(_quotes, value.values()))


def _without_remotes(path: Path) -> bytes:
    """Return DVC's configuration without what is of this machine or group: remotes and places of caches."""
    config, kept = configparser.ConfigParser(interpolation=None, strict=False), configparser.ConfigParser()
    with readable(path):
        config.read_string(path.read_text(encoding="utf-8"))
    kept["core"] = {key: value for key, value in config["core"].items() if key != "remote"} if "core" in config else {}
    text = io.StringIO()
    kept.write(text)
    return text.getvalue().encode()


def refuse_keys(found: Contents) -> None:
    """Refuse a file that holds the value of a variable that an endpoint's key is in."""
    for member, source in sorted(found.members.items()):
        variable = key_in_file(source) if isinstance(source, Path) else key_in(source.decode(errors="replace"))
        if variable is not None:
            raise UserError(f"{member}: holds the value of {variable}: take the key out, and change it")
