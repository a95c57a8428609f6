"""Rounds of the report as JSON-able data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from diziner.common.rounding import rounded
from diziner.prices import Priced
from diziner.records.annotations import Annotation, Span, left_out
from diziner.records.usage import Usage
from diziner.report.decisions import decisions_view, kinds_by_hotspot
from diziner.report.files import RoundFiles
from diziner.report.hotspots import Errors, hotspot_errors, hotspots_view
from diziner.report.limits import Limits, clipped
from diziner.report.type_agreement import type_agreement
from diziner.results.refinement_counts import refinement_metrics
from diziner.results.usage import usage_totals

DECISIONS = 5  # that the page proposes for a round
Endpoints = Mapping[str, Priced]  # for their prices


class RoundParts(NamedTuple):
    """Parts of a round's view that no limit changes, which take longest: made once for all limits."""

    types: list[dict[str, Any]]
    decisions: dict[str, Any]
    errors: Errors


def round_parts(files: RoundFiles, types: Sequence[str], *, text: bool = True) -> RoundParts:
    """Return the parts of a round that no limit changes."""
    return RoundParts(
        type_agreement(files.annotations, types),
        decisions_view(files, DECISIONS, text=text),
        hotspot_errors(files, types) if files.hotspots else {},
    )


def round_view(
    files: RoundFiles,
    parts: RoundParts,
    types: Sequence[str],
    gold: Mapping[str, Sequence[Span]],
    named: Collection[str],
    endpoints: Endpoints,
    limits: Limits,
    *,
    text: bool = True,
) -> dict[str, Any]:
    """Return figures, agreement, confusion, hotspots, documents and annotators of a round; `named` are hotspots of
    receipts. Without `text` nothing quotes a document."""
    agreement, confusion = files.agreement, files.confusion
    return {
        "number": files.number,
        "documents_total": len(files.documents),
        "gold": sum(document.id in gold for document in files.documents),
        "figures": rounded(files.metrics),
        "totals": confusion["totals"],
        "agreement": {
            key: rounded(agreement[key])
            for key in ("annotators", "pairs", "mean", "weights", "coalition", "documents", "common")
            if key in agreement
        },
        "confusion": {
            "labels": confusion["labels"],
            "between": _sparse(confusion["between"]),
            "consensus": {name: _sparse(matrix) for name, matrix in sorted(confusion["consensus"].items())},
        },
        "annotators": [
            annotator_view(name, rows, files.usage.get(name, ()), endpoints, limits, text=text)
            for name, rows in sorted(files.annotations.items())
        ],
        "types": parts.types,
        "decisions": parts.decisions,
        "kinds_of": kinds_by_hotspot(files.groups, files.guideline.types, named),
        **hotspots_view(files, parts.errors, types, gold, named, limits, text=text),
    }


def annotator_view(
    name: str,
    rows: Sequence[Annotation],
    usage: Sequence[Usage],
    endpoints: Endpoints,
    limits: Limits,
    *,
    text: bool = True,
) -> dict[str, Any]:
    """Return what became of one annotator's documents and what its answers cost. `left_out`: why it was not asked.
    Without `text` the details of failures, which quote answers, are left out."""
    failed = [row for row in rows if row.failure is not None]
    out = left_out(rows)
    drops: Counter[str] = Counter()
    for row in rows:
        drops.update(row.drops)
    return {
        "name": name,
        "left_out": out,
        "documents": len(rows),
        "spans": sum(len(row.spans) for row in rows),
        "repairs": sum(row.repairs for row in rows),
        "drops": dict(sorted(drops.items())),
        "failed": 0 if out else len(failed),
        "failures": [
            [row.id, row.failure.code, clipped(row.failure.detail, 200) if text else ""]
            for row in failed[: 0 if out else limits.failures]
            if row.failure
        ],
        "usage": usage_totals(usage, endpoints),
    }


def refinement_view(
    record: Mapping[str, Any],
    texts: Mapping[str, str],
    usage: Sequence[Usage],
    endpoints: Endpoints,
    limits: Limits,
    *,
    text: bool = True,
) -> dict[str, Any]:
    """Return the record of a refinement, and the supervisor's answers in its own words, by the start of their key.

    `texts` are the answers at hand, by key. Without `text` what may quote documents is left out: answers, patterns,
    diagnoses and examples.
    """
    keys = list(record.get("responses", ()))
    answers = [[key[:12], clipped(texts[key], limits.characters)] for key in keys if text and key in texts]
    return {
        "patterns": record.get("patterns", []) if text else [],
        "diagnoses": record.get("diagnoses", {}) if text else {},
        "cut": [entry for entry in record.get("cut", []) if text or not entry.get("of")],
        "outcomes": record.get("outcomes", {}),
        "phases": record.get("phases", []),
        "counts": refinement_metrics(record),
        "rejected": list(record.get("rejected", ())),
        "left_out": list(record.get("left_out", ())),
        **{key: bool(record.get(key, usual)) for key, usual in _SAID.items()},
        "changed_share": rounded(record.get("changed_share", 0.0)),
        "answers": answers[: limits.answers],
        "responses": len(keys),
        "usage": usage_totals(usage, endpoints),
    }


_SAID = {"kept_previous": False, "goal_updated": False, "accepted": True, "stopped": False}


def _sparse(matrix: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return a matrix of counts as [row, column, count], zeros left out."""
    return [[i, j, count] for i, row in enumerate(matrix) for j, count in enumerate(row) if count]
