"""Whether agreement predicts F1, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from diziner.common.rounding import rounded
from diziner.report.files import RoomFiles
from diziner.results.correlation import CORRELATIONS
from diziner.results.correlation_report import (
    QUESTION,
    answer,
    correlation_notes,
    correlation_report,
    published_mean,
    published_pearson,
)


def correlation_view(files: Sequence[RoomFiles], published: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the answer, correlations by benchmark and their mean; None where no benchmark has scores.

    `paper` has what the paper printed for these benchmarks, None if nothing. Scores of an earlier version have no
    correlations: such a benchmark is left out.
    """
    validity = {own.card.name: own.scores["validity"] for own in files if own.scores}
    report = correlation_report({name: own for name, own in validity.items() if "correlations" in own})
    if not report["benchmarks"]:
        return None
    values, mean = published_pearson(report, published), published_mean(report, published)
    return {
        "question": QUESTION,
        "answer": answer(report, published),
        "kinds": [[kind, correlation.title] for kind, correlation in CORRELATIONS.items()],
        "rows": report["benchmarks"],
        "mean": report["mean"],
        "paper": None
        if mean is None
        else {"kind": "pearson", "values": values, "mean": rounded(asdict(mean))["value"]},
        "notes": correlation_notes(report, published),
    }
