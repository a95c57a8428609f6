"""All benchmarks in one table, and the check of every score against the field's reference scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.contracts import Annotation, Document, Span
from stages.errors import DizinerError
from stages.ner.tags import spans_to_tags
from stages.tables import text_table

_TOLERANCE = 1e-6  # metrics are rounded to 6 places
_HEADLINE = (
    "round",
    "annotator",
    "documents",
    "f1",
    "f1_low",
    "f1_high",
    "gain",
    "agreement_first",
    "agreement_last",
)


def check_with_seqeval(
    name: str,
    metrics: Mapping[str, Any],
    documents: Sequence[Document],
    gold: Mapping[str, Sequence[Span]],
    predictions: Sequence[Annotation],
) -> None:
    """Score one benchmark's predictions again with seqeval (strict, IOB2) and compare precision, recall, F1.

    Errors: DizinerError (a bug of ours) with both figures if any differs; nothing without gold. Where neither
    gold nor prediction has a span ours is 1.0 by definition and seqeval's 0.0: that case is not compared.
    """
    spans = {row.id: row.spans for row in predictions}
    scored = [document for document in documents if document.id in gold]
    if not scored or not any(gold[d.id] or spans[d.id] for d in scored):
        return
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    reference = [list(spans_to_tags(gold[d.id], len(d.tokens))) for d in scored]
    predicted = [list(spans_to_tags(spans[d.id], len(d.tokens))) for d in scored]
    for measure, scorer in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        theirs = float(scorer(reference, predicted, mode="strict", scheme=IOB2, zero_division=0))
        if abs(metrics[measure] - theirs) > _TOLERANCE:
            raise DizinerError(f"{name}: {measure} is {metrics[measure]}, seqeval strict IOB2 says {theirs:.6f}")


def summarise(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """summary.json: `benchmarks`, the headline figures by name, and their `mean`.

    The mean is over the benchmarks that have a figure; `documents`, `benchmarks` and `scored` say over what.
    """
    rows = {name: {key: metrics[name][key] for key in _HEADLINE} for name in sorted(metrics)}
    mean: dict[str, Any] = {
        "benchmarks": len(rows),
        "documents": sum(row["documents"] for row in rows.values()),
        "scored": sum(row["f1"] is not None for row in rows.values()),
    }
    for key in ("f1", "gain", "agreement_first", "agreement_last"):
        values = [row[key] for row in rows.values() if row[key] is not None]
        mean[key] = round(sum(values) / len(values), 6) if values else None
    return {"benchmarks": rows, "mean": mean}


def table(summary: Mapping[str, Any], protocol: str) -> str:
    """The summary for a terminal: one line a benchmark, fixed columns."""
    head = ("benchmark", "n", "round", "annotator", "agreement", "F1 [95 %]", "gain")
    rows = []
    for name, row in {**summary["benchmarks"], "mean": summary["mean"]}.items():
        agreement = f"{_figure(row['agreement_first'])} -> {_figure(row['agreement_last'])}"
        interval = f" [{_figure(row['f1_low'])}, {_figure(row['f1_high'])}]" if row.get("f1_low") is not None else ""
        rows.append(
            (
                name,
                str(row["documents"]),
                str(row.get("round", "")),
                str(row.get("annotator", "")),
                agreement,
                f"{_figure(row['f1'])}{interval}",
                "-" if row["gain"] is None else f"{row['gain']:+.3f}",
            )
        )
    note = (
        f"F1: {protocol}, chosen annotator on n test documents, interval by document bootstrap; "
        "gain: against the round 0 guideline on the same documents; agreement: first -> last round"
    )
    return text_table(head, rows) + f"{note}\n"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
