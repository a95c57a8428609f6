"""Percentile thresholds, decided by rank.

A value reaches a percentile of N values (linear interpolation between neighbours) exactly when it is at least the
one of rank ceil(percentile / 100 x (N - 1)) from below: between neighbours there is none. So no interpolated
float decides, only the order of values, and where floats are too close to tell, exact values.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from diziner.agreement.encoding import Floats, Ints, Mask
from diziner.agreement.exact_measures import BOUND


class Reached(NamedTuple):
    """The interpolated `threshold`, for people, and the mask of patterns whose value reaches it."""

    threshold: float
    patterns: Mask


def reach(
    values: Floats, counts: Ints, percentile: Fraction, exact: Callable[[int], Fraction], zeros: bool = False
) -> Reached:
    """Find the patterns at or above a percentile of all tokens.

    `values` of U patterns, each within BOUND of its true value, occur `counts` times. `exact` gives the true
    value of a pattern and is asked for those within twice BOUND of the threshold's rank alone. A value of zero
    reaches nothing unless `zeros`: most tokens are undisputed, so that a percentile is often 0. No tokens: 0.0.

    >>> true = [Fraction(0), Fraction(1, 2), Fraction(3, 4)]
    >>> reach(np.array([0.0, 0.5, 0.75]), np.array([2, 1, 1]), Fraction(80), true.__getitem__)
    Reached(threshold=0.6, patterns=array([False, False,  True]))
    """
    total = int(counts.sum())
    if not total:
        return Reached(0.0, np.zeros(len(values), np.bool_))
    place = percentile / 100 * (total - 1)
    rank = -(-place.numerator // place.denominator)
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(counts[order])
    below, above = (float(values[order[np.searchsorted(upto, at, side="right")]]) for at in (int(place), rank))
    near = np.flatnonzero((np.abs(values - above) <= 2 * BOUND) & (counts > 0)).tolist()
    known = {pattern: exact(pattern) for pattern in near}
    left = rank - int(counts[values < above - 2 * BOUND].sum())
    # Many patterns share a value, and fractions are slow to compare: each value once.
    tokens: dict[Fraction, int] = {}
    for pattern, value in known.items():
        tokens[value] = tokens.get(value, 0) + int(counts[pattern])
    limit = Fraction(0)
    for limit in sorted(tokens):
        left -= tokens[limit]
        if left < 0:
            break
    high = {value for value in tokens if value >= limit and (zeros or value > 0)}
    reached: Mask = values > above + 2 * BOUND
    reached[near] = [known[pattern] in high for pattern in near]
    return Reached(below + float(place - int(place)) * (above - below), reached)
