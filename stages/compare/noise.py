"""How sure a difference in F1 is: a randomization test on paired documents, a normal approximation otherwise.

The bootstrap (`stages.ner.bootstrap`) gives the interval. It is not used for the verdict: on few documents its
p-values are too small. The randomization test (Yeh 2000, approximate randomization) is exact: if nothing but
chance tells two runs apart, each document's two predictions could as well be swapped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

_CELLS_AT_ONCE = 4_000_000
_EXACT_BITS = 13  # up to 8,192 patterns of swaps are all tried
_TIE = 1e-12
_TAILS = 1.959964  # standard errors from the middle to a bound of a 95 % interval


def randomization_p_value(new: Counts, old: Counts, samples: int, *, seed: int) -> float:
    """Two-sided p-value of the difference in micro F1 of two predictions for the same documents, row by row.

    `new` and `old` hold (correct, predicted, gold), shape (documents, 3). Share of patterns of swaps whose
    difference is at least the observed one: all patterns where at most 13 documents differ, else `samples`
    random ones, with one added to count and total. No document differs: 1.0.

    Raises:
        ValueError: different shapes or gold counts, or no samples.
    """
    import numpy as np

    if new.shape != old.shape or not np.array_equal(new[:, 2], old[:, 2]):
        raise ValueError("gold counts differ: a randomization test needs the same documents in the same order")
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    differing = (new != old).any(axis=1)
    shift = (old - new)[differing].astype(np.float64)
    new_sum, old_sum = new.sum(axis=0), old.sum(axis=0)
    exact = len(shift) <= _EXACT_BITS
    observed = abs(f1(new_sum[None]) - f1(old_sum[None]))[0]
    found = total = 0
    for swaps in _all_swaps(len(shift)) if exact else _random_swaps(len(shift), samples, seed):
        moved = swaps @ shift
        differences = abs(f1(new_sum + moved) - f1(old_sum - moved))
        found += int((differences >= observed - _TIE).sum())
        total += len(swaps)
    return found / total if exact else (found + 1) / (total + 1)


def unpaired_p_value(change: float, error: float) -> float:
    """Two-sided p-value of a difference with that standard error, by the normal distribution.

    No error at all: 1.0 for no difference, else 0.0.
    """
    if error == 0:
        return 0.0 if change else 1.0
    return math.erfc(abs(change) / error / math.sqrt(2))


def standard_error(low: float, high: float) -> float:
    """The standard error that a 95 % interval stands for."""
    return (high - low) / (2 * _TAILS)


def bounds(change: float, error: float) -> tuple[float, float]:
    """The 95 % interval around a difference with that standard error."""
    return change - _TAILS * error, change + _TAILS * error


def f1(totals: NDArray[np.float64] | Counts) -> NDArray[np.float64]:
    """F1 per row of (correct, predicted, gold); a row without spans is 1.0."""
    import numpy as np

    found = totals[:, 1] + totals[:, 2]
    return np.where(found == 0, 1.0, 2 * totals[:, 0] / np.maximum(found, 1))


def _all_swaps(documents: int) -> Iterator[NDArray[np.float64]]:
    import numpy as np

    patterns = np.arange(2**documents)[:, None] >> np.arange(documents)[None, :]
    yield (patterns & 1).astype(np.float64)


def _random_swaps(documents: int, samples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    import numpy as np

    generator = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // documents)
    for done in range(0, samples, block):
        shape = (min(block, samples - done), documents)
        yield generator.integers(0, 2, size=shape, dtype=np.int8).astype(np.float64)
