"""Comparison of two runs, benchmark by benchmark: change in F1, its interval, and whether it is more than noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from diziner.common.exact import as_written, mean
from diziner.common.rounding import rounded
from diziner.scoring.bootstrap import DocumentCounts, holm, paired_bootstrap
from diziner.scoring.power import Design, assumed_differences, paired_differences, smallest_change, spread
from diziner.scoring.resampling import exact_f1
from diziner.scoring.significance import bounds, randomization_p_value, standard_error, unpaired_p_value

RESAMPLES = 2000
SWAPS = 10_000
SIGNIFICANCE = 0.05
_SEED = 13

Verdict = Literal["better", "worse", "within noise", "same", "new", "gone", "no scores"]


@dataclass(frozen=True, slots=True)
class Side:
    """One benchmark in one run: metrics/final, the counts of its scored test documents, and what these are.

    `counts` is None where nobody has them; `test_set` names the test documents and gold, None if unknown.
    """

    metrics: Mapping[str, Any]
    counts: DocumentCounts | None = None
    test_set: str | None = None

    @property
    def f1(self) -> Fraction | None:
        """F1 by the counts, else the decimal of the metrics; None without gold."""
        if self.counts is not None and self.counts.ids:
            return exact_f1(self.counts.counts)
        value: float | None = self.metrics.get("f1")
        return None if value is None else as_written(value)


@dataclass(frozen=True, slots=True)
class Comparison:
    """F1 of two runs on one benchmark. `low` and `high` bound the change (95 %, this benchmark alone).

    `exact_change` is the change as a fraction, for decisions about it.
    `p_value` is that of the change, `adjusted` the same after Holm's correction over all benchmarks that
    changed. `paired`: document by document; if not, `note` says why. `smallest` is the smallest true change that these
    documents show with probability 0.8, in this family of benchmarks (1.0: none); `assumed`: by the old run alone,
    since too few documents differ (diziner/scoring/power.py). None where there is nothing to say.
    """

    benchmark: str
    old: float | None = None
    new: float | None = None
    documents: int = 0
    change: float | None = None
    exact_change: Fraction | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    adjusted: float | None = None
    smallest: float | None = None
    assumed: bool = False
    paired: bool = False
    note: str = ""
    verdict: Verdict = "no scores"


def compare_all(
    old: Mapping[str, Side], new: Mapping[str, Side], significance: float = SIGNIFICANCE
) -> list[Comparison]:
    """Return one comparison for every benchmark of either run, by name.

    Holm's correction is over the benchmarks whose predictions changed: one whose counts are the same cannot be
    called different, so it does not count as a test.
    """
    rows = [compare(name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())]
    tested = [row for row in rows if row.p_value is not None and row.verdict != "same"]
    # What has not changed would be one more test if it had.
    designs = {row.benchmark: Design(significance, tests=len(tested) + (row not in tested)) for row in rows}
    rows = [_seeing(row, old.get(row.benchmark), new.get(row.benchmark), designs[row.benchmark]) for row in rows]
    adjusted = dict(zip((row.benchmark for row in tested), holm([row.p_value or 0.0 for row in tested]), strict=True))
    return [
        _judged(replace(row, adjusted=adjusted[row.benchmark]), significance) if row.benchmark in adjusted else row
        for row in rows
    ]


def compare(name: str, old: Side | None, new: Side | None) -> Comparison:
    """Return one benchmark, without regard to the others: `adjusted` is None, `verdict` not yet one on noise."""
    before, after = old.f1 if old else None, new.f1 if new else None
    documents = len(new.counts.ids) if new and new.counts else int(new.metrics.get("documents") or 0) if new else 0
    row = Comparison(name, _float(before), _float(after), documents)
    if old is None or new is None:
        return replace(row, verdict="gone" if new is None else "new")
    if before is None or after is None:
        return replace(
            row, verdict="no scores" if before is None and after is None else "new" if before is None else "gone"
        )
    row = replace(row, exact_change=after - before)
    reason = _unpaired_because(old, new)
    if reason:
        return _unpaired(row, old, new, reason)
    return _paired(row, old.counts, new.counts)


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def shown_p(value: float | None) -> str:
    """Return a p-value for people.

    >>> shown_p(None), shown_p(0.0421), shown_p(0.0001)
    ('-', '0.042', '<0.001')
    """
    return "-" if value is None else f"{value:.3f}" if value >= 0.001 else "<0.001"


def mean_change(rows: Sequence[Comparison]) -> dict[str, float | int | None]:
    """Return the mean F1 of both runs over the benchmarks that both have scored, how many these are, and the change."""
    scored = [row for row in rows if row.old is not None and row.new is not None]
    if not scored:
        return {"benchmarks": 0, "old": None, "new": None, "change": None}
    old, new = mean(row.old or 0.0 for row in scored), mean(row.new or 0.0 for row in scored)
    return {
        "benchmarks": len(scored),
        "old": rounded(old),
        "new": rounded(new),
        "change": rounded(new - old),
    }


def _unpaired_because(old: Side, new: Side) -> str:
    if old.counts is None or new.counts is None:
        return "no counts per document for the old run" if old.counts is None else "no counts per document"
    same_ids = old.counts.ids == new.counts.ids
    if not same_ids or (old.counts.counts[:, 2] != new.counts.counts[:, 2]).any():
        return "other test documents or gold"
    if old.test_set and new.test_set and old.test_set != new.test_set:
        return "other test documents or gold"
    return ""


def _paired(row: Comparison, old: DocumentCounts | None, new: DocumentCounts | None) -> Comparison:
    if old is None or new is None:
        raise ValueError("a paired comparison needs counts of both runs")
    if (old.counts == new.counts).all():
        return replace(row, change=0.0, low=0.0, high=0.0, p_value=1.0, paired=True, verdict="same")
    found = paired_bootstrap(new.counts, old.counts, RESAMPLES, seed=_SEED)
    p_value = randomization_p_value(new.counts, old.counts, SWAPS, seed=_SEED)
    return replace(row, change=found.difference, low=found.low, high=found.high, p_value=p_value, paired=True)


def _unpaired(row: Comparison, old: Side, new: Side, reason: str) -> Comparison:
    change = float(row.exact_change or 0)
    note = f"not paired: {reason}"
    intervals = [(side.metrics.get("f1_low"), side.metrics.get("f1_high")) for side in (old, new)]
    errors = [standard_error(low, high) for low, high in intervals if low is not None and high is not None]
    if len(errors) < len(intervals):
        return replace(row, change=change, note=f"{note}; no interval", verdict="no scores")
    error = math.sqrt(math.fsum(value * value for value in errors))
    low, high = bounds(change, error)
    return replace(row, change=change, low=low, high=high, p_value=unpaired_p_value(change, error), note=note)


def _seeing(row: Comparison, old: Side | None, new: Side | None, design: Design) -> Comparison:
    """Add the smallest change that these documents show."""
    if row.paired and old and new and old.counts and new.counts:
        differences = paired_differences(new.counts.counts, old.counts.counts)
        assumed = differences is None
        differences = differences or assumed_differences(spread(old.counts.counts))
        if differences is None:
            return row
        smallest = smallest_change(differences, len(old.counts.ids), design)
        return replace(row, smallest=1.0 if smallest is None else smallest, assumed=assumed)
    if row.low is not None and row.high is not None:
        return replace(row, smallest=min(1.0, math.fsum(design.quantiles) * standard_error(row.low, row.high)))
    return row


def shown_smallest(row: Comparison) -> str:
    """Return the smallest change that is seen, for people; a star where it rests on one run alone."""
    if row.smallest is None:
        return "-"
    return ("none" if row.smallest >= 1 else f"{row.smallest:.3f}") + "*" * row.assumed


def _judged(row: Comparison, significance: float) -> Comparison:
    sure = row.adjusted is not None and row.adjusted < significance
    change = row.exact_change
    verdict: Verdict = "within noise" if not sure or not change else "better" if change > 0 else "worse"
    return replace(row, verdict=verdict)
