"""Summary of all benchmarks' headline figures in one file, checked against the field's reference scorer."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any

from diziner.common.errors import DizinerError
from diziner.common.exact import as_written, mean
from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.results.figures import FIGURES
from diziner.results.validity import Point, forecasts
from diziner.spans.overlaps import are_flat
from diziner.spans.tags import spans_to_tags

_TOLERANCE = 1e-6  # metrics are rounded to 6 places


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
    if not all(are_flat(spans[d.id]) and are_flat(gold[d.id]) for d in scored):
        _check_nested(name, metrics, {d.id: gold[d.id] for d in scored}, spans)
        return
    with _no_sklearn():
        from seqeval.metrics import f1_score, precision_score, recall_score
        from seqeval.scheme import IOB2

    reference = [list(spans_to_tags(gold[d.id], len(d.tokens))) for d in scored]
    predicted = [list(spans_to_tags(spans[d.id], len(d.tokens))) for d in scored]
    for measure, scorer in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        theirs = float(scorer(reference, predicted, mode="strict", scheme=IOB2, zero_division=0))
        if abs(metrics[measure] - theirs) > _TOLERANCE:
            raise DizinerError(f"{name}: {measure} is {metrics[measure]}, seqeval strict IOB2 says {theirs:.6f}")


def _check_nested(
    name: str,
    metrics: Mapping[str, Any],
    gold: Mapping[str, Sequence[Span]],
    spans: Mapping[str, Sequence[Span]],
) -> None:
    """Compare F1 with a plain count of nested spans, which seqeval does not know."""
    pairs = [(set(own), set(spans[id_])) for id_, own in gold.items()]
    size = sum(len(one) + len(other) for one, other in pairs)
    plain = 2 * sum(len(one & other) for one, other in pairs) / size
    if abs(metrics["f1"] - plain) > _TOLERANCE:
        raise DizinerError(f"{name}: f1 is {metrics['f1']}, a plain count of nested spans says {plain:.6f}")


@contextlib.contextmanager
def _no_sklearn() -> Iterator[None]:
    """Stand in for sklearn while seqeval is loaded: all it takes from there is the class of a warning.

    Loading sklearn, and with it pandas and half of scipy, takes five times as long as all else in the stage.
    """
    name = "sklearn.exceptions"
    if name in sys.modules:
        yield
        return
    module = ModuleType(name)
    module.UndefinedMetricWarning = type("UndefinedMetricWarning", (UserWarning,), {})  # type: ignore[attr-defined]
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]


def summarise(
    metrics: Mapping[str, Mapping[str, Any]], usd: Mapping[str, float | None] | None = None
) -> dict[str, Any]:
    """Return summary.json: `benchmarks`, a row of headline figures for each, by name; and the figures that DVC
    compares.

    These are `mean` (over the benchmarks that have the figure) and `usd`, the cost of all benchmarks, None if that of
    one is unknown. DVC looks into objects, not into lists: neither the rows, whose F1 each benchmark's own file has,
    nor `over`, which says what the means are over, flood `dvc metrics diff`.
    """
    costs = usd or {}
    shown = [figure.name for figure in FIGURES if figure.in_summary]
    rows = [
        {"benchmark": name, **{key: metrics[name][key] for key in shown}, "usd": costs.get(name)}
        for name in sorted(metrics)
    ]
    means: dict[str, Any] = {}
    for key in (figure.name for figure in FIGURES if figure.averaged):
        values = [row[key] for row in rows if row[key] is not None]
        means[key] = rounded(mean(values)) if values else None
    known = [row["usd"] for row in rows if row["usd"] is not None]
    return {
        "benchmarks": rows,
        "mean": means,
        "over": [
            {
                "documents": sum(row["documents"] for row in rows),
                "scored": sum(row["f1"] is not None for row in rows),
            }
        ],
        "usd": rounded(math.fsum(known)) if len(known) == len(rows) else None,
    }


def forecast_report(
    metrics: Mapping[str, Mapping[str, Any]], points: Mapping[str, Sequence[Point]], level: float = 0.8
) -> dict[str, Any]:
    """Return forecast.json: test F1 forecast from agreement, each benchmark by the others, and how often it held.

    What a corpus without gold could be told about its F1. `coverage` is the share of benchmarks whose F1 is in its
    interval, None without forecasts (fewer than four benchmarks with gold).
    """
    finals = {name: (own["agreement_selected"], own["f1"]) for name, own in metrics.items() if own["f1"] is not None}
    found = forecasts(points, finals, level)
    inside = [forecast.low <= as_written(finals[name][1]) <= forecast.high for name, forecast in found.items()]
    return {
        "level": level,
        "coverage": rounded(sum(inside) / len(inside)) if inside else None,
        "benchmarks": {
            name: {
                "agreement": rounded(finals[name][0]),
                "f1": finals[name][1],
                **{key: rounded(float(value)) for key, value in asdict(forecast).items()},
            }
            for name, forecast in sorted(found.items())
        },
    }
