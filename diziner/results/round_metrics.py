"""Headline figures of one round (rounds/r<k>/metrics.json in the room)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.agreement.analysis import Analysis
from diziner.agreement.measures import PAIR_MEASURES
from diziner.common.exact import mean
from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation


def round_metrics(analysis: Analysis, annotations: Mapping[str, Sequence[Annotation]]) -> dict[str, Any]:
    """Return agreement and the shares of what was lost on the way; the same keys in every file, label-free.

    `drop_share`: answered mentions that could not be used, of all answered. `failed_share`, `repair_share`:
    of all (annotator, document) pairs.
    """
    agreement = analysis.agreement
    rows = [row for name in sorted(annotations) for row in annotations[name]]
    dropped = sum(sum(row.drops.values()) for row in rows)
    used = sum(len(row.spans) for row in rows)
    figures = {
        "agreement": agreement.overall,
        **{own.mean_as: _mean_of_pairs(agreement.pairs[name]) for name, own in PAIR_MEASURES.items() if own.mean_as},
        **agreement.of_all,
        "hotspots": len(analysis.hotspots),
        "hot_token_share": _share(analysis.totals.hot_tokens, analysis.totals.tokens),
        "documents": agreement.documents,
        "drop_share": _share(dropped, dropped + used),
        "failed_share": _share(sum(row.failure is not None for row in rows), len(rows)),
        "repair_share": _share(sum(row.repairs > 0 for row in rows), len(rows)),
    }
    return dict(rounded(figures))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean_of_pairs(matrix: Sequence[Sequence[float]]) -> float:
    """Return the mean over pairs of different annotators; 1.0 for a single annotator, who disagrees with nobody."""
    values = [value for i, row in enumerate(matrix) for j, value in enumerate(row) if i < j]
    return mean(values) if values else 1.0
