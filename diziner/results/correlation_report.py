"""Does agreement predict F1? The answer over all benchmarks (metrics/correlation.json), and beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from diziner.common.rounding import rounded
from diziner.common.tables import Column
from diziner.results.correlation import CORRELATIONS, Mean, mean_over_benchmarks

QUESTION = "Does agreement predict F1?"
_PHRASES = {
    "without_lowest": "without the annotator that agrees least",
    "within_round": "within rounds",
    "within_annotator": "within annotators",
}


def correlation_report(validity: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return correlation.json from the validity blocks of scores.json, by benchmark.

    `benchmarks`: points, and each correlation as an `Estimate`. `mean`: each correlation's mean over the benchmarks
    where it is defined, None if there is none.
    """
    by_benchmark = {name: own["correlations"] for name, own in sorted(validity.items())}
    means = {
        kind: mean_over_benchmarks({name: own[kind]["value"] for name, own in by_benchmark.items()})
        for kind in CORRELATIONS
    }
    return {
        "resamples": max((own["resamples"] for own in validity.values()), default=0),
        "benchmarks": {name: {"points": validity[name]["points"], **own} for name, own in by_benchmark.items()},
        "mean": {kind: None if mean is None else rounded(asdict(mean)) for kind, mean in means.items()},
    }


def published_pearson(report: Mapping[str, Any], published: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the paper's correlation of each benchmark for which this project has one too."""
    printed = (published or {}).get("correlations", {}).get("pearson", {})
    known = {name for name, own in report["benchmarks"].items() if own["pearson"]["value"] is not None}
    return {name: value for name, value in sorted(printed.items()) if name in known}


def published_mean(report: Mapping[str, Any], published: Mapping[str, Any] | None) -> Mean | None:
    """Return the mean of the paper's correlations over this project's benchmarks; None if it has none of them."""
    return mean_over_benchmarks(published_pearson(report, published))


def headline(report: Mapping[str, Any], published: Mapping[str, Any] | None) -> str:
    """Return question and answer in one line."""
    return f"{QUESTION} {answer(report, published)}"


def answer(report: Mapping[str, Any], published: Mapping[str, Any] | None) -> str:
    """Return the answer in one sentence, beside the paper's where it has one.

    >>> answer(correlation_report({}), None)
    'Not defined: no benchmark has gold for four points (annotators x rounds) that differ.'
    """
    means = report["mean"]
    pearson = means["pearson"]
    if pearson is None:
        return "Not defined: no benchmark has gold for four points (annotators x rounds) that differ."
    n, theirs = pearson["benchmarks"], published_mean(report, published)
    over = f"mean over {n} benchmarks" if n > 1 else f"on {_only(report)}"
    text = f"Pearson's r {with_interval(_shown(report, 'pearson'))}, {over}"
    if theirs is not None:
        same = "" if theirs.benchmarks == n else f", {theirs.benchmarks} of them"
        text += f" (paper{same}: {theirs.value:.3f})"
    parts = []
    for kind, phrase in _PHRASES.items():
        if means[kind] is not None:
            own = means[kind]["benchmarks"]
            parts.append(f"{phrase} {with_interval(_shown(report, kind))}" + (f" on {own}" if own != n else ""))
    return "; ".join([text, *parts]) + "."


def correlation_columns(report: Mapping[str, Any], published: Mapping[str, Any] | None) -> list[Column]:
    """Return the table for a terminal: a line for each benchmark, and one for the mean of several."""
    rows, means, theirs = report["benchmarks"], report["mean"], published_pearson(report, published)
    many = len(rows) > 1
    columns = [
        Column("benchmark", (*rows, *(["mean"] if many else []))),
        Column("points", (*(str(own["points"]) for own in rows.values()), *([""] if many else [])), 6),
    ]
    importance = {"pearson": 0, "spearman": 2, "within_round": 4, "within_annotator": 5, "without_lowest": 3}
    for kind, correlation in CORRELATIONS.items():
        cells = [with_interval(own[kind]) for own in rows.values()] + ([with_interval(means[kind])] if many else [])
        columns.append(Column(f"{correlation.title} [95 %]", tuple(cells), importance[kind]))
        if kind == "pearson" and theirs:
            mean = published_mean(report, published)
            cells = [f"{theirs[name]:.3f}" if name in theirs else "-" for name in rows]
            cells += [f"{mean.value:.3f}" if mean else "-"] if many else []
            columns.append(Column("paper's", tuple(cells), 1))
    return columns


def correlation_notes(report: Mapping[str, Any], published: Mapping[str, Any] | None) -> list[str]:
    """Return what the figures mean, how many resamples were without one, and where the paper's come from."""
    notes = [
        "A point is an annotator in a round: its mean agreement with the others against its F1, on the same pilot "
        f"documents. Intervals: {report['resamples']} resamples of these documents; of the mean: over benchmarks. "
        "Fewer than four points, or points that do not differ: not defined. Without lowest: Pearson's r without the "
        "annotator that agrees least over its rounds. Within a round, within an annotator: of what differs from the "
        "mean of the round, or of the annotator. With few documents, agreement and F1 are noisy, and noise weakens a "
        "correlation.",
    ]
    undefined = [
        f"{name} {CORRELATIONS[kind].title} {own[kind]['undefined']}"
        for name, own in report["benchmarks"].items()
        for kind in CORRELATIONS
        if own[kind]["undefined"]
    ]
    if undefined:
        notes.append(f"Resamples without a value, left out of the intervals: {', '.join(undefined)}.")
    if published is not None and published_pearson(report, published):
        notes.append(f"Paper's: {published['sources'][published['correlations']['source']]}.")
    return notes


def with_interval(own: Mapping[str, Any] | None) -> str:
    """Return a value with its interval.

    >>> with_interval({"value": 0.5, "low": -0.25, "high": 0.75}), with_interval(None)
    ('0.500 [-0.250, 0.750]', 'not defined')
    """
    if own is None or own["value"] is None:
        return "not defined"
    return f"{own['value']:.3f}" + (f" [{own['low']:.3f}, {own['high']:.3f}]" if own["low"] is not None else "")


def _only(report: Mapping[str, Any]) -> str:
    return next(str(name) for name, own in report["benchmarks"].items() if own["pearson"]["value"] is not None)


def _shown(report: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return the mean over benchmarks; for a single one its own estimate, which has an interval."""
    mean: Mapping[str, Any] = report["mean"][kind]
    if mean["benchmarks"] > 1:
        return mean
    found: Mapping[str, Any] = next(
        own[kind] for own in report["benchmarks"].values() if own[kind]["value"] is not None
    )
    return found
