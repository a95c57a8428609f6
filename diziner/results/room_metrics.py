"""Metrics file of a room (metrics/final/<benchmark>.json): three figures that DVC compares, then all others in lists.

DVC makes a column of every number and word in an object, and looks into no list. So `dvc metrics diff` and
`dvc exp show` have three columns a room, while git still holds all that two runs are compared by and that a figure is
checked against: the counts of each document, and what the answers took. Versions before had all figures bare, and the
others in files beside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import check, read_json
from diziner.results.document_counts import PredictionCounts, counts_from_json, counts_from_rows, counts_to_rows
from diziner.results.figures import HEADLINE
from diziner.results.usage import ModelUsage, model_usage_to_json

SCHEMA = "final_metrics"
# Folders of metrics/ that a room had a file in, before; and the schemas of these files.
COUNTS_BEFORE, USAGE_BEFORE = "documents", "usage"
_SCHEMAS_BEFORE = {COUNTS_BEFORE: "document_counts", USAGE_BEFORE: "model_usage"}
_LISTS = ("usage", "counts")  # a line for each entry


def room_metrics(
    figures: Mapping[str, Any],
    agreement: Sequence[float],
    models: Sequence[ModelUsage],
    counts: PredictionCounts,
) -> dict[str, Any]:
    """Return the file's value from all figures by name, overall agreement by round, usage and counts."""
    return {
        **{name: figures[name] for name in HEADLINE},
        "agreement_by_round": list(agreement),
        "figures": [{name: value for name, value in sorted(figures.items()) if name not in HEADLINE}],
        "usage": [model_usage_to_json(own) for own in models],
        "counts": counts_to_rows(counts),
    }


def room_metrics_text(value: Mapping[str, Any]) -> str:
    """Return the file: what DVC compares first, and a line for each figure, model and document."""
    blocks = []
    for key, own in value.items():
        if key == "figures":
            lines = [f"      {_line(name)}: {_line(figure)}" for name, figure in own[0].items()]
            blocks.append(f"  {_line(key)}: [\n    {{\n{_joined(lines)}\n    }}\n  ]")
        elif key in _LISTS and own:
            blocks.append(f"  {_line(key)}: [\n{_joined(f'    {_line(row)}' for row in own)}\n  ]")
        else:
            blocks.append(f"  {_line(key)}: {_line(own)}")
    return f"{{\n{_joined(blocks)}\n}}\n"


def read_room_metrics(path: Path) -> dict[str, Any]:
    """Read a room's file, of this version or one before. Errors: UserError if it is missing or damaged."""

    def beside(folder: str) -> Any:
        file = path.parent.parent / folder / path.name
        return read_json(file, _SCHEMAS_BEFORE[folder]) if file.is_file() else None

    try:
        value: dict[str, Any] = as_now(read_json(path), beside)
    except ValueError as error:
        raise UserError(f"{path}: {error}; write it anew with `diziner repro`") from None
    check(value, SCHEMA, str(path))
    return value


def is_of_before(value: Any) -> bool:
    """Say whether a file's value is of a version that had all figures bare."""
    return isinstance(value, dict) and "f1" in value and "figures" not in value


def as_now(value: Any, beside: Callable[[str], Any]) -> Any:
    """Return a file's value as this version has it; of a version before, from its files in the folders `beside` too,
    which gives None for one that is not there: then it lacks what stood there. Nothing is checked but counts.

    Errors: ValueError for counts that cannot be.
    """
    if not is_of_before(value):
        return value
    counted, used = beside(COUNTS_BEFORE), beside(USAGE_BEFORE)
    found = {
        **{name: value[name] for name in HEADLINE if name in value},
        "agreement_by_round": [],
        "figures": [{name: figure for name, figure in value.items() if name not in HEADLINE}],
    }
    if used is not None:
        found["usage"] = used
    if counted is not None:
        found["counts"] = counts_to_rows(counts_from_json(counted))
    return found


def figures_in(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return all figures by name."""
    return {**{name: value[name] for name in HEADLINE}, **value["figures"][0]}


def usage_in(value: Mapping[str, Any]) -> list[ModelUsage]:
    """Return what the answers behind all of the benchmark's outputs took, by model."""
    return [ModelUsage(**row) for row in value["usage"]]


def counts_in(value: Mapping[str, Any]) -> PredictionCounts:
    """Return the counts of every scored test document. Errors: ValueError for counts that cannot be."""
    return counts_from_rows(value["counts"])


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)


def _joined(lines: Any) -> str:
    return ",\n".join(lines)
