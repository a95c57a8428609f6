"""Is agreement worth following? Its correlation with F1, the oracle's choice, and F1 forecast from agreement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation, fmean


@dataclass(frozen=True, slots=True)
class Point:
    """One annotator in one round of one benchmark: its mean agreement and its F1 on the same pilot documents."""

    round: int
    annotator: str
    agreement: float
    f1: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """F1 forecast from agreement: the estimate and an interval that should hold F1 with the level asked for."""

    estimate: float
    low: float
    high: float


def correlations(points: Sequence[Point]) -> tuple[float | None, float | None]:
    """Pearson's r and Spearman's rho of agreement with F1 over points (method section 9, figure 2).

    None for both with fewer than three points, or where either does not vary.

    >>> points = [Point(0, "a", 0.1, 0.2), Point(0, "b", 0.2, 0.3), Point(0, "c", 0.4, 0.9)]
    >>> pearson, spearman = correlations(points)
    >>> round(pearson, 3), spearman
    (0.98, 1.0)
    >>> correlations(points[:2])
    (None, None)
    """
    agreement, f1 = [p.agreement for p in points], [p.f1 for p in points]
    if len(points) < 3:
        return None, None
    try:
        return correlation(agreement, f1), correlation(ranks(agreement), ranks(f1))
    except StatisticsError:  # one of the two is constant
        return None, None


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of their ranks.

    >>> ranks([0.5, 0.1, 0.5])
    [2.5, 1.0, 2.5]
    """
    order = sorted(values)
    first = {value: order.index(value) for value in set(order)}
    return [first[value] + (order.count(value) + 1) / 2 for value in values]


def oracle(points: Sequence[Point]) -> Point | None:
    """What gold labels would choose: the point of the highest pilot F1; ties to the earlier round, then by name.

    An upper bound for comparison, never a result: the reference's published selection used it (D3).
    """
    return min(points, key=lambda p: (-p.f1, p.round, p.annotator)) if points else None


def forecasts(
    points: Mapping[str, Sequence[Point]], finals: Mapping[str, tuple[float, float]], level: float = 0.8
) -> dict[str, Forecast]:
    """F1 of each benchmark forecast from its agreement, calibrated on the other benchmarks alone.

    `points` maps benchmark -> pilot points, `finals` benchmark -> (mean agreement of the selected annotator,
    its test F1). The estimate is a least-squares line through the other benchmarks' points. The interval is
    split conformal: its half width is the quantile of `level` of the errors that the same procedure makes on
    the other benchmarks, each left out in turn. Benchmarks without both are left out; empty with fewer than four.
    """
    names = sorted(name for name in finals if points.get(name))
    if len(names) < 4:
        return {}
    found = {}
    for name in names:
        others = [other for other in names if other != name]
        errors = []
        for left in others:
            rest = [p for other in others if other != left for p in points[other]]
            agreement, f1 = finals[left]
            errors.append(abs(f1 - _line(rest)(agreement)))
        half = sorted(errors)[min(len(errors), math.ceil((len(errors) + 1) * level)) - 1]
        estimate = min(1.0, max(0.0, _line([p for other in others for p in points[other]])(finals[name][0])))
        found[name] = Forecast(estimate, max(0.0, estimate - half), min(1.0, estimate + half))
    return found


def _line(points: Sequence[Point]) -> _Line:
    mean_x, mean_y = fmean(p.agreement for p in points), fmean(p.f1 for p in points)
    spread = sum((p.agreement - mean_x) ** 2 for p in points)
    shared = sum((p.agreement - mean_x) * (p.f1 - mean_y) for p in points)
    slope = shared / spread if spread else 0.0
    return _Line(mean_y - slope * mean_x, slope)


@dataclass(frozen=True, slots=True)
class _Line:
    intercept: float
    slope: float

    def __call__(self, x: float) -> float:
        return self.intercept + self.slope * x
