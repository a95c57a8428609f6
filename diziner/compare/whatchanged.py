"""Changes between two states of the project besides its scores: settings, prompts, guidelines, data, code."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.yamlfile import parse_yaml_as_dvc
from diziner.compare.load import benchmarks, test_set
from diziner.compare.revisions import Snapshot, outputs_known, start_at
from diziner.layout import DATA, PARAMS, Room
from diziner.pipeline.code import DIGESTS

_PROMPTS = (Path("diziner") / "prompts", Path("stages") / "prompts")  # today's, and those of earlier versions
_CODE = (Path("diziner"), Path("stages"))


@dataclass(frozen=True, slots=True)
class Changes:
    """One line each, sorted: `+` for new, `-` for gone, `~ old -> new` for changed."""

    settings: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    guidelines: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


def changes_between(old: Snapshot, new: Snapshot) -> Changes:
    """Return all that differs and can move a score."""
    names = sorted({*benchmarks(old), *benchmarks(new)})
    touched = sorted(path for path in old.blobs.keys() | new.blobs.keys() if old.blobs.get(path) != new.blobs.get(path))
    prompts = [path for path in touched if any(Path(path).is_relative_to(folder) for folder in _PROMPTS)]
    return Changes(
        settings=tuple(changed_lines(_yaml(old.read(PARAMS)), _yaml(new.read(PARAMS)))),
        prompts=tuple(_prompt(path, old, new) for path in prompts),
        guidelines=tuple(line for name in names for line in _guidelines(name, old, new)),
        data=tuple(line for name in names for line in _data(name, old, new)),
        code=tuple(_code(old, new, touched)),
    )


def changed_lines(old: object, new: object, prefix: str = "") -> list[str]:
    """Return the leaves of two JSON-like values that differ, by key: `+ key: new`, `- key: old`, `~ key: old ->
    new`."""
    before, after = _leaves(old), _leaves(new)
    lines = []
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            lines.append(f"+ {prefix}{key}: {after[key]}")
        elif key not in after:
            lines.append(f"- {prefix}{key}: {before[key]}")
        elif before[key] != after[key]:
            lines.append(f"~ {prefix}{key}: {before[key]} -> {after[key]}")
    return lines


def _leaves(value: object, key: str = "") -> dict[str, str]:
    if isinstance(value, Mapping):
        return {
            k: v for name, item in value.items() for k, v in _leaves(item, f"{key}.{name}" if key else name).items()
        }
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return {key: "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)} if key else {}


def guideline_leaves(guideline: Any) -> dict[str, Any]:
    """Return a guideline with its types and instructions by label and id, so that a moved line is no change."""
    if not isinstance(guideline, Mapping):
        return {}
    instructions = guideline.get("instructions") or {}
    blocks = {"common": instructions.get("common") or [], **(instructions.get("specific") or {})}
    return {
        "goal": guideline.get("goal"),
        "types": {row["label"]: {k: v for k, v in row.items() if k != "label"} for row in guideline.get("types") or []},
        "examples": {f"{number}": text for number, text in enumerate(guideline.get("examples") or [], 1)},
        "instructions": {f"{block}.{id_}": text for block, rows in blocks.items() for id_, text in _texts(rows)},
    }


def _texts(rows: Any) -> list[tuple[str, str]]:
    return [pair for row in rows for pair in [(row["id"], row["text"]), *_texts(row.get("children") or [])]]


def _guidelines(name: str, old: Snapshot, new: Snapshot) -> list[str]:
    room = Room(name)
    written = [guideline_leaves(_yaml(side.read(room.guideline(0, start_at(side))))) for side in (old, new)]
    lines = changed_lines(written[0], written[1], f"{name} guideline: ")
    path = room.selected_guideline
    before, after = (outputs_known(side, name).get(path.as_posix()) for side in (old, new))
    if before and after and before != after:
        texts = old.output(path), new.output(path)
        if None in texts:
            lines.append(f"{name} selected guideline: changed; its text is in DVC's cache no more")
        else:
            chosen = [guideline_leaves(_yaml(text)) for text in texts]
            lines += changed_lines(chosen[0], chosen[1], f"{name} selected guideline: ")
    return lines


def _data(name: str, old: Snapshot, new: Snapshot) -> list[str]:
    lines = []
    sets = test_set(old, name), test_set(new, name)
    if None not in sets and sets[0] != sets[1]:
        lines.append(f"{name}: test documents or gold")
    for path in (DATA / name / "benchmark.yaml", DATA / name / "sample.txt", DATA / name / "tape.jsonl"):
        if old.blobs.get(path.as_posix()) != new.blobs.get(path.as_posix()):
            lines.append(f"{name}: {path.name}")
    return lines


def _code(old: Snapshot, new: Snapshot, touched: Iterable[str]) -> list[str]:
    """Return the modules that differ behind a stage, each with the stages; of versions without digests, all code
    files."""
    before, after = _digests(old), _digests(new)
    if not before or not after:
        changed = (path for path in touched if any(Path(path).is_relative_to(folder) for folder in _CODE))
        return [path for path in changed if path.endswith(".py")]
    stages: dict[str, list[str]] = {}
    for stage in sorted(before.keys() | after.keys()):
        own, other = before.get(stage, {}), after.get(stage, {})
        for path in sorted(own.keys() | other.keys()):
            if own.get(path) != other.get(path) and path.endswith(".py"):
                stages.setdefault(path, []).append(stage)
    return [f"{path} ({', '.join(names)})" for path, names in sorted(stages.items())]


def _digests(side: Snapshot) -> dict[str, dict[str, str]]:
    """Return the digests of the code behind each stage, by stage; empty for a version that has none."""
    paths = [Path(path) for path in side.blobs if Path(path).parent == DIGESTS]
    return {path.stem: jsontext.body(side.read(path) or b"{}") for path in sorted(paths)}


def _prompt(path: str, old: Snapshot, new: Snapshot) -> str:
    before, after = ((side.read(Path(path)) or b"").decode("utf-8", "replace").splitlines() for side in (old, new))
    moves = [line[0] for line in difflib.unified_diff(before, after, n=0, lineterm="")][2:]
    return f"{path}: +{moves.count('+')} -{moves.count('-')} lines"


def _yaml(data: bytes | None) -> Any:
    try:
        return None if data is None else parse_yaml_as_dvc(data)
    except ValueError:
        return None  # a comparison shows what it can; whoever uses the file says what is wrong with it
