"""Correlation of agreement with F1 over annotators and rounds: values, and their mean over benchmarks.

The paper's claim is that agreement, which needs no gold, says which annotations are good (method section 9, figure 2).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from diziner.common.exact import as_written
from diziner.results.validity import Point

LEAST_FREE = 3  # points less groups below which nothing is defined: fewer than four points in one group
# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
_T = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
    2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
    2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272,
)  # fmt: skip
_NORMAL = 1.959964


class Correlation(NamedTuple):
    """A kind of correlation: whether of ranks, within which group of points (None: all together), of which points."""

    title: str
    of_ranks: bool = False
    group: Callable[[Point], Hashable] | None = None
    without_lowest: bool = False


CORRELATIONS: dict[str, Correlation] = {
    "pearson": Correlation("Pearson"),
    "spearman": Correlation("Spearman", of_ranks=True),
    # One annotator far below the others makes a line of any cloud: does the answer hang on it?
    "without_lowest": Correlation("without lowest", without_lowest=True),
    # Deviations from the mean of a round: are annotators that agree more the better ones? What the choice asks.
    "within_round": Correlation("within round", group=lambda point: point.round),
    # Deviations from the mean of an annotator: does its F1 follow its agreement from round to round?
    "within_annotator": Correlation("within annotator", group=lambda point: point.annotator),
}


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean over `benchmarks` in which it is defined, with a 95 % interval; no interval for one benchmark."""

    value: float
    low: float | None
    high: float | None
    benchmarks: int


def correlations(points: Sequence[Point]) -> dict[str, float | None]:
    """Return each of `CORRELATIONS` of agreement with F1; None where it is not defined.

    Not defined: fewer than four points, or, within groups, fewer than three more points than groups; or either
    quantity does not vary. Within groups: Pearson's r of the deviations from the groups' means (the correlation for
    repeated measures of Bakdash and Marusich 2017).

    >>> points = [Point(r, a, x, y) for r, a, x, y in
    ...           [(0, "a", 0.1, 0.2), (0, "b", 0.2, 0.3), (1, "a", 0.4, 0.9), (1, "b", 0.3, 0.5)]]
    >>> found = correlations(points)
    >>> round(found["pearson"], 3), found["spearman"], found["within_round"]
    (0.959, 1.0, None)
    >>> correlations(points[:3])["pearson"] is None
    True
    """
    found = {}
    for name, kind in CORRELATIONS.items():
        used = [points[place] for place in places_of(points, kind)]
        x, y = [as_written(point.agreement) for point in used], [as_written(point.f1) for point in used]
        found[name] = within(*((ranks(x), ranks(y)) if kind.of_ranks else (x, y)), groups_of(used, kind))
    return found


def groups_of(points: Sequence[Point], kind: Correlation) -> list[int]:
    """Return the number of each point's group, from 0 in order of appearance."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(kind.group(point) if kind.group else None, len(numbers)) for point in points]


def places_of(points: Sequence[Point], kind: Correlation) -> list[int]:
    """Return which points are used: all, or those without the annotator of the lowest mean agreement over its rounds,
    of equals the first by name."""
    if not kind.without_lowest or not points:
        return list(range(len(points)))
    own: dict[str, list[Fraction]] = {}
    for point in points:
        own.setdefault(point.annotator, []).append(as_written(point.agreement))
    lowest = min(sorted(own), key=lambda name: sum(own[name], Fraction(0)) / len(own[name]))
    return [place for place, point in enumerate(points) if point.annotator != lowest]


def ranks(values: Sequence[Fraction]) -> list[Fraction]:
    """Rank from 1; equal values share the mean of their ranks.

    >>> [str(rank) for rank in ranks([Fraction(1, 2), Fraction(1, 10), Fraction(1, 2)])]
    ['5/2', '1', '5/2']
    """
    order = sorted(values)
    first = {value: order.index(value) for value in set(order)}
    return [first[value] + Fraction(order.count(value) + 1, 2) for value in values]


def within(xs: Sequence[Fraction], ys: Sequence[Fraction], groups: Sequence[int]) -> float | None:
    """Return Pearson's r of deviations from the groups' means, rounded once before its root; None if not defined."""
    if len(xs) - len(set(groups)) < LEAST_FREE:
        return None
    x, y = _deviations(xs, groups), _deviations(ys, groups)
    across = sum(map(operator.mul, x, y))
    spread = sum(map(operator.mul, x, x)) * sum(map(operator.mul, y, y))
    return math.copysign(math.sqrt(across * across / spread), across) if spread else None


def mean_over_benchmarks(values: Mapping[str, float | None]) -> Mean | None:
    """Return the plain mean of the values that are defined, as the paper takes it; None if there is none.

    Not by Fisher's z, which is infinite where few points lie on a line. The interval is Student's, over benchmarks as
    a sample of corpora: it holds their differences and, through these, the noise of their documents.
    """
    known = [as_written(value) for _, value in sorted(values.items()) if value is not None]
    if not known:
        return None
    n, mean = len(known), sum(known, Fraction(0)) / len(known)
    if n == 1:
        return Mean(float(mean), None, None, n)
    error = math.sqrt(sum(((value - mean) ** 2 for value in known), Fraction(0)) / (n * (n - 1)))
    half = error * (_T[n - 2] if n - 2 < len(_T) else _NORMAL)
    return Mean(float(mean), max(-1.0, float(mean) - half), min(1.0, float(mean) + half), n)


def _deviations(values: Sequence[Fraction], groups: Sequence[int]) -> list[Fraction]:
    members: dict[int, list[Fraction]] = {}
    for value, group in zip(values, groups, strict=True):
        members.setdefault(group, []).append(value)
    means = {group: sum(own, Fraction(0)) / len(own) for group, own in members.items()}
    return [value - means[group] for value, group in zip(values, groups, strict=True)]
