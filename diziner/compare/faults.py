"""Faults of metrics: not whole, not finite, or not what the counts by document say, as after an edit by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.compare.comparison import Side
from diziner.results.document_counts import PredictionCounts, headline
from diziner.results.room_metrics import (
    COUNTS_BEFORE,
    SCHEMA,
    USAGE_BEFORE,
    as_now,
    counts_in,
    figures_in,
    is_of_before,
)

_TOLERANCE = 1.5e-6  # both sides are rounded to 6 places


class FaultError(Exception):
    """A metric that cannot be used, and why."""


def read_metric(data: bytes | None, schema: str) -> dict[str, Any]:
    """Return a metric file's value.

    Errors: FaultError if it is missing, not JSON, not as its schema says, or not finite.
    """
    value: dict[str, Any] = _json(data)
    _check(value, schema)
    return value


def read_side(
    data: bytes | None,
    counts: bytes | None,
    samples: int,
    seed: int,
    test_set: str | None = None,
) -> tuple[Side | None, list[str]]:
    """Return one benchmark from its metrics file, and what is wrong with it; None if anything is.

    `counts` is the other file of a version before (metrics/documents); beside a file of this one it is not looked at.
    The headline figures must be those of the counts, intervals of `samples` resamples and this seed included.
    """
    try:
        value = _json(data)
        if is_of_before(value):
            value = _as_now(value, counts)
        _check(value, SCHEMA)
        table = _counts(value)
    except FaultError as fault:
        return None, [f"its file in metrics/final: {fault}"]
    metrics = figures_in(value)
    expected = headline(table, samples, seed)
    wrong = [
        f"{key} is {_shown(metrics[key])}, the counts of its documents say {_shown(value)}"
        for key, value in sorted(expected.items())
        if not _equal(metrics[key], value)
    ]
    return (None if wrong else Side(metrics, table.selected, test_set)), wrong


def changed_outputs(recorded: Mapping[str, str], files: Mapping[str, bytes | None]) -> dict[str, str]:
    """Return the metric files that are not what DVC recorded, with what is wrong: path -> fault.

    `recorded` is path -> MD5 of a dvc.lock.
    """
    found = {}
    for path, data in sorted(files.items()):
        if data is None:
            continue
        if path not in recorded:
            found[path] = "not in dvc.lock: run `dvc repro`"
        elif hashlib.md5(data, usedforsecurity=False).hexdigest() != recorded[path]:
            found[path] = "not what dvc.lock says: it was edited; run `dvc repro`"
    return found


def recorded_outputs(lock: Mapping[str, Any] | None) -> dict[str, str]:
    """Return path -> MD5 of every output in a dvc.lock; empty for none."""
    stages = (lock or {}).get("stages")
    entries = stages.values() if isinstance(stages, Mapping) else ()
    outs = [out for entry in entries if isinstance(entry, Mapping) for out in _rows(entry.get("outs"))]
    return {Path(str(out.get("path"))).as_posix(): str(out.get("md5", "")) for out in outs}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _json(data: bytes | None) -> Any:
    if data is None:
        raise FaultError("no such file: run `dvc repro`")
    try:
        return jsontext.loads(data)
    except jsontext.JsonError as error:
        raise FaultError(f"not JSON: {error}") from None


def _check(value: Any, schema: str) -> None:
    try:
        check(value, schema, "")
    except UserError as error:
        raise FaultError(str(error).removeprefix(": ")) from None


def _as_now(value: Any, counts: bytes | None) -> Any:
    """Return a metric file of a version before as it is now, with the counts of its other file."""
    try:
        table = read_metric(counts, "document_counts")
        return as_now(value, {COUNTS_BEFORE: table, USAGE_BEFORE: []}.get)
    except (FaultError, ValueError) as fault:
        raise FaultError(f"of an earlier version, with metrics/{COUNTS_BEFORE}: {fault}") from None


def _counts(value: dict[str, Any]) -> PredictionCounts:
    try:
        return counts_in(value)
    except ValueError as error:
        raise FaultError(str(error)) from None


def _equal(ours: float | None, counted: float | None) -> bool:
    if ours is None or counted is None:
        return ours is counted
    return abs(ours - counted) <= _TOLERANCE


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
