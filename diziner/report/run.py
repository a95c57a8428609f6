"""The run as the page's first screen shows it: what it is, with which models and settings, and what it cost.

No time is in it, for the same outputs give the same bytes: a run is known by a digest of its figures and guidelines,
and the browser says when the file was written. A copy that is passed on names the commit, whose date is fixed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from diziner.records.usage import Usage
from diziner.results.usage import usage_totals
from diziner.settings import Settings

_OF_A_ROUND = ("number", "figures", "agreement", "totals", "confusion", "guideline")
_OF_A_BENCHMARK = ("name", "figures", "scores", "selection", "usage")


def run_view(
    settings: Settings,
    benchmarks: Sequence[Mapping[str, Any]],
    usage: Iterable[Usage],
    commit: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the run: its digest, settings, models and cost. `commit`: what a copy says of git; None otherwise."""
    corpus = settings.raw["corpus"]
    named = [entry["name"] for entry in benchmarks]
    return {
        "digest": run_digest(benchmarks),
        "commit": commit,
        "profile": settings.profile,
        "supervisor": settings.supervisor.model.model,
        "rounds": len(settings.rounds),
        "sources": sorted({settings.source(name) for name in named}),
        "pilot": {key: corpus["pilot"][key] for key in ("documents", "method", "mode")},
        "test": corpus["test"]["documents"],
        "usage": usage_totals(usage, settings.endpoints),
    }


def run_digest(benchmarks: Sequence[Mapping[str, Any]]) -> str:
    """Return a name for the figures and guidelines of `benchmark_view`s, whatever the page leaves out."""
    known = [
        {key: entry[key] for key in _OF_A_BENCHMARK}
        | {"rounds": [{key: _kept(key, part[key]) for key in _OF_A_ROUND} for part in entry["rounds"]]}
        for entry in benchmarks
    ]
    text = json.dumps(known, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _kept(key: str, value: Any) -> Any:
    """Return a part without what limits of the page cut: the examples of instructions."""
    if key != "guideline":
        return value
    return [[line["text"] for line in block["lines"] if line["kind"] != "example"] for block in value]
