"""Intervals of correlations of agreement with F1, by resampling documents.

A resample draws documents with replacement; agreement and F1 of every annotator and round are measured anew on the
same drawn documents, so what is hard for both stays with both. Documents that several rounds share are drawn for
these rounds at once. Annotators and rounds are not resampled: an interval says what other documents would give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from diziner.common.rounding import rounded
from diziner.results.correlation import CORRELATIONS, LEAST_FREE, correlations, groups_of, places_of
from diziner.results.pilot_counts import RoundCounts
from diziner.results.validity import Point
from diziner.scoring.resampling import Draws

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_TAILS = (2.5, 97.5)
_UNIT = 10**6  # values are compared at the six places of metrics, as whole numbers
_CELLS_AT_ONCE = 500_000
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Estimate:
    """A correlation with its 95 % interval; `undefined` of the resamples have none.

    `value` is None where it is not defined; the bounds also where fewer than half of the resamples have a value.
    """

    value: float | None
    low: float | None
    high: float | None
    undefined: int


def estimates(
    points: Sequence[Point], rounds: Sequence[RoundCounts], samples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return each correlation over `points` as an `Estimate`, rounded; `rounds` are the counts behind the points.

    The bounds are percentiles of the resamples. Resamples are noisier than the sample, so that a correlation near 1
    can lie above them all: a bound is moved out to the value where it does not reach it.
    """
    import numpy as np

    found = {}
    values = correlations(points)
    drawn = {name: np.zeros(0) for name in CORRELATIONS}
    if any(value is not None for value in values.values()):
        blocks = list(_resampled(points, rounds, samples, seed))
        drawn = {name: np.concatenate([block[name] for block in blocks]) for name in CORRELATIONS}
    for name, value in values.items():
        known = drawn[name][~np.isnan(drawn[name])]
        estimate = Estimate(value, None, None, 0 if value is None else samples - len(known))
        if value is not None and 2 * len(known) >= samples:
            low, high = map(float, np.percentile(known, _TAILS))
            estimate = Estimate(value, min(low, value), max(high, value), estimate.undefined)
        found[name] = rounded(asdict(estimate))
    return found


def resampled_correlations(agreement: Floats, f1: Floats, points: Sequence[Point]) -> dict[str, Floats]:
    """Return each correlation of every row of (samples, points); not a number where it is not defined."""
    import numpy as np

    total: Floats = (agreement + f1).sum(axis=1)
    whole = np.isfinite(total)
    # Whole numbers: sums are exact, and what is equal is equal.
    x, y = (np.rint(np.where(whole[:, None], values, 0.0) * _UNIT).astype(np.int64) for values in (agreement, f1))
    found = {}
    for name, kind in CORRELATIONS.items():
        places = places_of(points, kind)
        one, other = x[:, places], y[:, places]
        if kind.of_ranks:
            one, other = _doubled_ranks(one), _doubled_ranks(other)
        groups = groups_of([points[place] for place in places], kind)
        found[name] = np.where(whole, _within(one, other, groups), np.nan)
    return found


def _within(x: Ints, y: Ints, groups: Sequence[int]) -> Floats:
    """Return Pearson's r within groups of every row."""
    import numpy as np

    members = [np.flatnonzero(np.array(groups) == group) for group in sorted(set(groups))]
    if len(groups) - len(members) < LEAST_FREE:
        return np.full(len(x), np.nan)
    scale = math.lcm(*map(len, members))
    if scale * len(groups) * max(_UNIT, 2 * len(groups)) ** 2 > _LARGEST:
        x, y = x.astype(object), y.astype(object)  # Python's numbers do not overflow

    def moment(a: Ints, b: Ints) -> Floats:
        total = scale * (a * b).sum(axis=1)
        for own in members:
            total = total - scale // len(own) * a[:, own].sum(axis=1) * b[:, own].sum(axis=1)
        found: Floats = total.astype(np.float64)
        return found

    spread = np.sqrt(moment(x, x)) * np.sqrt(moment(y, y))
    defined = spread > 0
    found: Floats = np.where(defined, np.clip(moment(x, y) / np.where(defined, spread, 1.0), -1.0, 1.0), np.nan)
    return found


def _doubled_ranks(values: Ints) -> Ints:
    """Return twice the rank in each row, from 1, less 1; equal values share the mean of their ranks."""
    import numpy as np

    one, other = values[:, :, None], values[:, None, :]
    found: Ints = (2 * (other < one) + (other == one)).sum(axis=2, dtype=np.int64)
    return found


def _resampled(
    points: Sequence[Point], rounds: Sequence[RoundCounts], samples: int, seed: int
) -> Iterator[Mapping[str, Floats]]:
    """Yield the correlations of a block of resamples at a time."""
    import numpy as np

    by_round = {counts.number: counts for counts in rounds}
    # A stream of their own for documents of the same rounds, so that blocks change no number.
    shared = [(numbers, ids, Draws(seed + place)) for place, (numbers, ids) in enumerate(documents_by_rounds(rounds))]
    widest = max(len(points) ** 2, *(max(counts.pairs[..., 0].size, counts.scores.size) for counts in rounds))
    block = max(1, _CELLS_AT_ONCE // widest)
    for done in range(0, samples, block):
        size = min(block, samples - done)
        times = {number: np.zeros((size, len(counts.ids)), np.int64) for number, counts in by_round.items()}
        for numbers, ids, draws in shared:
            drawn = np.zeros((size, len(ids)), np.int64)
            np.add.at(drawn, (np.arange(size)[:, None], draws.below(len(ids), drawn.shape)), 1)
            for number in numbers:
                place_of = {id_: place for place, id_ in enumerate(by_round[number].ids)}
                times[number][:, [place_of[id_] for id_ in ids]] = drawn
        columns = {}
        for number, counts in by_round.items():
            agreement, f1 = counts.measured(times[number])
            for place, name in enumerate(counts.annotators):
                columns[number, name] = agreement[:, place], f1[:, place]
        own = [columns[point.round, point.annotator] for point in points]
        yield resampled_correlations(
            np.column_stack([agreement for agreement, _ in own]), np.column_stack([f1 for _, f1 in own]), points
        )


def documents_by_rounds(rounds: Sequence[RoundCounts]) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Return the documents by the rounds that have them: one entry if rounds share all, one for each if none."""
    having: dict[str, list[int]] = {}
    for counts in sorted(rounds, key=lambda counts: counts.number):
        for id_ in counts.ids:
            having.setdefault(id_, []).append(counts.number)
    alike: dict[tuple[int, ...], list[str]] = {}
    for id_, numbers in sorted(having.items()):
        alike.setdefault(tuple(numbers), []).append(id_)
    return [(numbers, tuple(ids)) for numbers, ids in sorted(alike.items())]
