"""What differs between two states of the project besides its scores: settings, prompts, guidelines, data, code."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.compare.load import benchmarks, test_set
from stages.compare.revisions import Snapshot, outputs_of
from stages.rooms import DATA, PARAMS, Room

_CODE, _PROMPTS = Path("stages"), Path("stages") / "prompts"


@dataclass(frozen=True, slots=True)
class Changes:
    """One line each, sorted: `+` for new, `-` for gone, `~ old -> new` for changed."""

    settings: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    guidelines: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


def changes_between(old: Snapshot, new: Snapshot) -> Changes:
    """All that differs and can move a score."""
    names = sorted({*benchmarks(old), *benchmarks(new)})
    touched = sorted(path for path in old.blobs.keys() | new.blobs.keys() if old.blobs.get(path) != new.blobs.get(path))
    prompts = [path for path in touched if Path(path).is_relative_to(_PROMPTS)]
    code = [path for path in touched if Path(path).is_relative_to(_CODE) and path not in prompts]
    return Changes(
        settings=tuple(changed_lines(_yaml(old.read(PARAMS)), _yaml(new.read(PARAMS)))),
        prompts=tuple(_prompt(path, old, new) for path in prompts),
        guidelines=tuple(line for name in names for line in _guidelines(name, old, new)),
        data=tuple(line for name in names for line in _data(name, old, new)),
        code=tuple(code),
    )


def changed_lines(old: object, new: object, prefix: str = "") -> list[str]:
    """The leaves of two JSON-like values that differ, by key: `+ key: new`, `- key: old`, `~ key: old -> new`."""
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
    """A guideline with its types and instructions by label and id, so that a moved line is no change."""
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
    place = Room(name)
    written = place.guideline(0)
    lines = changed_lines(
        guideline_leaves(_yaml(old.read(written))), guideline_leaves(_yaml(new.read(written))), f"{name} guideline: "
    )
    path = place.selected_guideline
    before, after = (outputs_of(side, name).get(path.as_posix()) for side in (old, new))
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


def _prompt(path: str, old: Snapshot, new: Snapshot) -> str:
    before, after = ((side.read(Path(path)) or b"").decode("utf-8", "replace").splitlines() for side in (old, new))
    moves = [line[0] for line in difflib.unified_diff(before, after, n=0, lineterm="")][2:]
    return f"{path}: +{moves.count('+')} -{moves.count('-')} lines"


def _yaml(data: bytes | None) -> Any:
    try:
        return None if data is None else yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None  # a comparison shows what it can; whoever uses the file says what is wrong with it
