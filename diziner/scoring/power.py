"""Power of a paired comparison of two F1 values: the smallest change that n documents show, and the n for a change.

Micro F1 is a ratio of two sums over documents. So, by the delta method (Cochran, Sampling Techniques, 1977, chapter 6),
a difference of two runs is nearly a mean over documents of

    e = (2 (correct - correct') - F (predicted - predicted')) / (mean of (predicted + predicted') / 2 + gold),

F the F1 of both runs together: whatever mentions of one document have in common is in e. The randomization test swaps
both runs' answers and so compares the mean of e, c, with its spread around zero: it finds a change at level a where
c sqrt(n) > z(1 - a/2) sqrt(m2), with z quantiles of the normal distribution and m2 the mean of e^2. Over samples of n
documents, c sqrt(n / m2) varies with the standard deviation v of (e - c e^2 / (2 m2)) / sqrt(m2), by the delta method
again, so that the test finds it with probability `power` where

    (c - w / n) sqrt(n / m2) + b / sqrt(n) = z(1 - a/2) + z(power) v.

b is the bias of c / sqrt(m2) in samples, by the delta method's second order: what lacks its rare large differences
looks surer than it is. w / n is the correction for continuity, w the least that one document adds: sums of few steps
jump over the level. For the same reason z(1 - a/2) is lessened by what swaps of few documents lack in tails (the first
term of Cornish and Fisher), and so many documents must differ that swapping all ways can get below the level at all.
With v = 1, b = 0 and w = 0 this is the usual formula for paired scores (Card et al. 2020, With Little Power Comes Great
Responsibility; Miller 2024, arXiv 2411.00640); where one run has only losses, v is near 1/2.

Assumed: documents are drawn alone and at random from what the figure shall hold for; 20 or more of them differ (with
fewer, power is up to 10 points beside what is promised); and two runs to come differ as much, document by document, as
those at hand, with gains and losses in such proportion
that the mean is c (nothing but gains or losses, and more of them, where that is not enough). Where only one run is
known, e has the normal distribution with the spread S sqrt(2 (1 - r)), S that of the one run's own F1 and r the
correlation of both runs' errors over documents. Where none is known, S is that of a run that finds each mention with
probability F1 and invents as many as it misses, each alone, times sqrt(2) for what mentions of one document share.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from diziner.scoring.resampling import exact_f1

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

POWER = 0.8
CORRELATION = 0.5  # of the errors of two runs, where they are not known: then a difference spreads as one run does
CLUSTERING = (
    2.0  # variance of F1 over documents, as a multiple of what independent mentions give; measured: docs/LOG.md
)
FEWEST = 10  # documents that differ, for what is to come to be taken from a pair of runs

Moments = tuple[float, float, float, float]  # share of documents that differ, means of e^2, e^3 and e^4


@dataclass(frozen=True, slots=True)
class Differences:
    """Differences of two runs: the moments of e by the change c > 0, and w, the least that one document adds."""

    moments: Callable[[float], Moments]
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Design:
    """Design of a comparison: a two-sided test that shall find the share `power` of real changes.

    `level` is that of the family of `tests` that Holm corrects for: at its strictest, one is held to level / tests.
    """

    level: float = 0.05
    power: float = POWER
    tests: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or not 0 < self.power < 1 or self.tests < 1:
            raise ValueError(f"level {self.level} and power {self.power} are not within 0 and 1, or tests {self.tests}")
        if self.power <= self.level / self.tests / 2:
            raise ValueError(f"power {self.power} is not above half the level {self.level / self.tests:g}")

    @property
    def quantiles(self) -> tuple[float, float]:
        """Normal quantiles of level and power."""
        normal = NormalDist()
        return normal.inv_cdf(1 - self.level / self.tests / 2), normal.inv_cdf(self.power)


def paired_differences(new: Counts, old: Counts) -> Differences | None:
    """Return the moments of e by the change, as two runs on the same documents, row by row, say.

    None where fewer than FEWEST documents differ: then they say too little.

    Raises:
        ValueError: the rows are not the same documents.
    """
    import numpy as np

    if new.shape != old.shape or not np.array_equal(new[:, 2], old[:, 2]):
        raise ValueError("gold counts differ: paired differences need the same documents in the same order")
    differ = (new != old).any(axis=1)
    if int(differ.sum()) < FEWEST:
        return None
    both = (new + old)[:, :2].sum(axis=0)
    spans = float(both[1] + 2 * new[:, 2].sum())
    shift = (new - old)[differ]
    differences = (2 * shift[:, 0] - 2 * both[0] / spans * shift[:, 1]) / (spans / 2 / len(new))
    sides = [differences[differences > 0], -differences[differences < 0]]
    amounts = [float(side.sum()) / len(new) for side in sides]
    total = sum(amounts)
    if not total:
        return None
    # A side without documents is like the other.
    up, down = (_shape(own if len(own) else other) for own, other in (sides, sides[::-1]))
    if amounts[0] < amounts[1]:
        up, down = down, up

    def moments(change: float) -> Moments:
        more, less = max(change, (total + change) / 2), max(0.0, (total - change) / 2)
        share, second, third, fourth = (
            more * u + sign * less * d for u, d, sign in zip(up, down, (1, 1, -1, 1), strict=True)
        )
        return share, second, third, fourth

    return Differences(moments, float(np.abs(differences[differences != 0]).min()))


def _shape(side: Floats) -> list[float]:
    """Return the moments of one side's documents, as if there were so many that the mean of e is 1."""
    return [float((side**power).sum() / side.sum()) for power in (0, 2, 3, 4)]


def assumed_differences(own: float | None, correlation: float = CORRELATION) -> Differences | None:
    """Return the moments of e by the change, of two runs whose F1 has the spread `own`, by the correlation of their
    errors; None for no spread."""
    if not own or correlation >= 1:
        return None
    variance = own**2 * 2 * (1 - correlation)
    return Differences(
        lambda c: (1.0, variance + c**2, 3 * c * variance + c**3, 3 * variance**2 + 6 * c**2 * variance + c**4)
    )


def spread(counts: Counts) -> float | None:
    """Return the standard deviation over documents of what one run's F1 is a mean of; None for fewer than two.

    >>> import numpy as np
    >>> round(spread(np.array([[1, 1, 1], [0, 1, 1]])), 3)
    0.707
    """
    return float(influences(counts).std(ddof=1)) if len(counts) > 1 else None


def expected_spread(gold: Counts, f1: float) -> float | None:
    """Return the spread that a run of that F1 would have, from the gold mentions of each document; None without any.

    >>> import numpy as np
    >>> round(expected_spread(np.array([1, 2, 3, 2]), 0.8), 3)
    0.302
    """
    if not gold.sum():
        return None
    mean, variance = float(gold.mean()), float(gold.var())
    missed = 1 - f1
    found = (2 - f1) ** 2 * f1 * missed * mean + f1**2 * missed * mean + (f1 * missed) ** 2 * variance
    return math.sqrt(CLUSTERING * found) / (2 * mean)


def influences(counts: Counts) -> Floats:
    """Return what each document adds to F1 beyond its share: (2 correct - F1 (predicted + gold)) / mean of the latter.

    >>> import numpy as np
    >>> influences(np.array([[1, 1, 1], [0, 1, 1]])).tolist()
    [0.5, -0.5]
    """
    import numpy as np

    sizes = counts[:, 1] + counts[:, 2]
    if not sizes.sum():
        return np.zeros(len(counts))
    found: Floats = (2 * counts[:, 0] - float(exact_f1(counts)) * sizes) / sizes.mean()
    return found


def documents_needed(differences: Differences, change: float, design: Design) -> int:
    """Return how many documents show a true change of F1 of this size.

    Raises:
        ValueError: a change that is not within 0 and 1.
    """
    if not 0 < change <= 1:
        raise ValueError(f"change {change} is not above 0 and at most 1")
    most = 2
    while not _shows(differences, change, most, design):
        most *= 2
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if _shows(differences, change, middle, design) else (middle, most)
    return most


def smallest_change(differences: Differences, documents: int, design: Design) -> float | None:
    """Return the smallest true change of F1 that so many documents show; None if they show none, not even of 1."""
    if documents < 2 or not _shows(differences, 1.0, documents, design):
        return None
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _shows(differences, middle, documents, design) else (middle, high)
    return high


def _shows(differences: Differences, change: float, documents: int, design: Design) -> bool:
    """Tell whether so many documents show a change with the design's power."""
    level, power = design.quantiles
    share, second, third, fourth = differences.moments(change)
    # The variance of e - c e^2 / (2 m2).
    slope = change / (2 * second)
    variance = second - change**2 - 2 * slope * (third - change * second) + slope**2 * (fourth - second**2)
    tails = (level**3 - 3 * level) * fourth / (12 * documents * second**2)
    differing = share * documents
    enough = differing - power * math.sqrt(differing) >= math.log2(2 * design.tests / design.level) - 0.5
    ahead = (change - differences.step / documents) * math.sqrt(documents / second)
    # The second order of the delta method: samples without their rare large differences look surer than they are.
    bias = 3 * change * (fourth - second**2) / (8 * second**2.5) - (third - change * second) / (2 * second**1.5)
    ahead += bias / math.sqrt(documents)
    return enough and ahead >= level - tails + power * math.sqrt(max(0.0, variance) / second)
