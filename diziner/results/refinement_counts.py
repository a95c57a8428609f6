"""Counts of a refinement: what the supervisor wrote and what became of it, so that nothing is rejected unseen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SHOWN = 60  # characters of a text on one line
_NAMED = 3  # of what was cut, with the reason


def refinement_metrics(record: Mapping[str, Any]) -> dict[str, int]:
    """Return rounds/r<k>/refinement.metrics.json from a record (refinement.schema.json).

    `written`: instructions of phase 3; `kept`: those that reached the guideline; `dropped` by the supervisor's own
    decision or because the text stood; `waiting` for the next round; `cut` for good; `examples_cut`; `changed`: lines
    that stood and were merged into, replaced, retired or placed.
    """
    outcomes = record["outcomes"]
    new = {name: outcome for name, outcome in outcomes.items() if outcome.startswith(_FATES)}
    return {
        "written": record["written"],
        "kept": sum(outcome.startswith(("added", "merged", "replaced")) for outcome in new.values()),
        "dropped": sum(outcome.startswith("dropped") for outcome in new.values()),
        "waiting": len(record["waiting"]),
        "cut": sum(not entry.get("of") for entry in record["cut"]),
        "examples_cut": sum(bool(entry.get("of")) for entry in record["cut"]),
        "changed": sum(
            outcome.startswith(("merged", "replaced", "retired", "placed")) for outcome in outcomes.values()
        ),
    }


def refinement_line(record: Mapping[str, Any]) -> str:
    """Return what a refinement did as one line: `wrote 11, kept 9, cut 2: "Mark …" (over the limit of 3); …`. Answers
    that could not be used come first."""
    if record["stopped"]:
        return "refinement had ended: the guideline is carried over"
    counts = refinement_metrics(record)
    parts = [f"wrote {counts['written']}", f"kept {counts['kept']}"]
    parts += [f"{name} {counts[name]}" for name in ("dropped", "waiting") if counts[name]]
    reasons = [
        f"{phase['phase']}: {len(phase['failed'])} of {phase['calls']} answers unusable ({', '.join(codes)})"
        for phase in record["phases"]
        if (codes := sorted(set(phase["failed"])))
    ]
    reasons += [f'"{_short(entry["text"])}" ({entry["reason"]})' for entry in record["cut"]]
    reasons += [f"{name} ({outcome})" for name, outcome in record["outcomes"].items() if ":" in outcome]
    cut = counts["cut"] + counts["examples_cut"]
    if cut:
        parts.append(f"cut {cut}")
    shown = reasons[:_NAMED]
    if len(reasons) > _NAMED:
        shown.append(f"and {len(reasons) - _NAMED} more, all in refinement.json")
    return ", ".join(parts) + (f": {'; '.join(shown)}" if shown else "")


_FATES = ("added", "merged", "replaced", "dropped", "waits")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
