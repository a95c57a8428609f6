"""Validity of agreement as a guide: points of agreement and F1, the oracle's choice, F1 forecast from agreement."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from diziner.common.exact import as_written

_ZERO, _ONE = Fraction(0), Fraction(1)


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

    estimate: Fraction
    low: Fraction
    high: Fraction


def oracle(points: Sequence[Point]) -> Point | None:
    """Return what gold labels would choose: the point of the highest pilot F1; ties to the earlier round, then by name.

    An upper bound for comparison, never a result: the reference's published selection used it (D3).
    """
    return min(points, key=lambda p: (-p.f1, p.round, p.annotator)) if points else None


def forecasts(
    points: Mapping[str, Sequence[Point]], finals: Mapping[str, tuple[float, float]], level: float = 0.8
) -> dict[str, Forecast]:
    """Return forecast F1 of each benchmark from its agreement, calibrated on the other benchmarks alone.

    `points` maps benchmark -> pilot points, `finals` benchmark -> (mean agreement of the selected annotator,
    its test F1). The estimate is a least-squares line through the other benchmarks' points. The interval is
    split conformal: its half width is the quantile of `level` of the errors that the same procedure makes on
    the other benchmarks, each left out in turn. Benchmarks without both are left out; empty with fewer than four.
    """
    names = sorted(name for name in finals if points.get(name))
    if len(names) < 4:
        return {}
    sums = {name: _sums(points[name]) for name in names}
    everything = _added(sums.values())
    exact = {name: (as_written(agreement), as_written(f1)) for name, (agreement, f1) in finals.items()}
    place = min(len(names) - 1, math.ceil(len(names) * as_written(level))) - 1
    found = {}
    for name in names:
        errors = []
        for left in names:
            if left != name:
                rest = everything.without(sums[name]).without(sums[left])
                errors.append(abs(exact[left][1] - rest.line(exact[left][0])))
        half = sorted(errors)[place]
        estimate = min(_ONE, max(_ZERO, everything.without(sums[name]).line(exact[name][0])))
        found[name] = Forecast(estimate, max(_ZERO, estimate - half), min(_ONE, estimate + half))
    return found


class _Sums(NamedTuple):
    """Sums over points (x, y) that a least-squares line is made of, exact."""

    n: Fraction
    x: Fraction
    y: Fraction
    xx: Fraction
    xy: Fraction

    def without(self, other: _Sums) -> _Sums:
        """Return the sums of the points that `other` does not have."""
        return _Sums(*map(operator.sub, self, other))

    def line(self, x: Fraction) -> Fraction:
        """Return the line's value at `x`; the mean of y where x does not vary."""
        spread = self.n * self.xx - self.x * self.x
        slope = (self.n * self.xy - self.x * self.y) / spread if spread else _ZERO
        return (self.y - slope * self.x) / self.n + slope * x


def _sums(points: Sequence[Point]) -> _Sums:
    pairs = [(as_written(p.agreement), as_written(p.f1)) for p in points]
    return _added(_Sums(_ONE, x, y, x * x, x * y) for x, y in pairs)


def _added(sums: Iterable[_Sums]) -> _Sums:
    return _Sums(*(sum(column, _ZERO) for column in zip(*sums, strict=True)))
