"""Significance of a difference in F1: a randomization test on paired documents, a normal approximation otherwise.

The bootstrap (`diziner.scoring.bootstrap`) gives the interval. It is not used for the verdict: on few documents its
p-values are too small. The randomization test (Yeh 2000, approximate randomization) is exact: if nothing but
chance tells two runs apart, each document's two predictions could as well be swapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

from diziner.scoring.resampling import Draws, exact_f1, f1_ratios

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

_CELLS_AT_ONCE = 500_000
_EXACT_BITS = 13  # up to 8,192 patterns of swaps are all tried
_BOUND = 2.0**-48  # of the error of a difference of two quotients less a third: at most 4 roundings below 2
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")
_TAILS = 1.959964  # standard errors from the middle to a bound of a 95 % interval


def randomization_p_value(new: Counts, old: Counts, samples: int, *, seed: int) -> float:
    """Return two-sided p-value of the difference in micro F1 of two predictions for the same documents, row by row.

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
    shift = (old - new)[differing]
    new_sum, old_sum = new.sum(axis=0), old.sum(axis=0)
    exact = len(shift) <= _EXACT_BITS
    observed = abs(exact_f1(new) - exact_f1(old))
    found = total = 0
    for swaps in _all_swaps(len(shift)) if exact else _random_swaps(len(shift), samples, seed):
        moved = swaps @ shift
        found += _at_least(observed, new_sum + moved, old_sum - moved)
        total += len(swaps)
    return found / total if exact else (found + 1) / (total + 1)


def _at_least(observed: Fraction, new: Counts, old: Counts) -> int:
    """Count the rows whose F1 values differ by at least `observed`; in fractions where floats cannot tell."""
    import numpy as np

    a, b = f1_ratios(new), f1_ratios(old)
    beyond = np.abs(a.values() - b.values()) - float(observed)
    rows = np.column_stack([*a, *b])[np.abs(beyond) <= _BOUND]
    near, times = np.unique(rows, axis=0, return_counts=True)
    count = int((beyond > _BOUND).sum())
    for (above, below, other_above, other_below), often in zip(near.tolist(), times.tolist(), strict=True):
        count += often * (abs(Fraction(above, below) - Fraction(other_above, other_below)) >= observed)
    return count


def unpaired_p_value(change: float, error: float) -> float:
    """Return two-sided p-value of a difference with that standard error, by the normal distribution.

    No error at all: 1.0 for no difference, else 0.0; 0.0 also beyond 14 standard errors (p below 1e-43). Summed in
    decimals, since the C library's erfc differs in its last bits between machines.

    >>> round(unpaired_p_value(1.96, 1.0), 6), unpaired_p_value(0.0, 1.0), unpaired_p_value(0.1, 0.0)
    (0.049996, 1.0, 0.0)
    """
    if error == 0 or abs(change) > 14 * error:
        return 0.0 if change else 1.0
    with localcontext(Context(prec=120)):
        x = Decimal(abs(change)) / Decimal(error) / Decimal(2).sqrt()
        # erf x = 2 / sqrt(pi) x (sum of (-1)^n x^(2n + 1) / (n! (2n + 1))).
        power, total, n = x, x, 0
        while abs(power) > Decimal("1e-60"):
            n += 1
            power *= -x * x / n
            total += power / (2 * n + 1)
        return float(1 - 2 * total / _PI.sqrt())


def standard_error(low: float, high: float) -> float:
    """Return the standard error that a 95 % interval stands for."""
    return (high - low) / (2 * _TAILS)


def bounds(change: float, error: float) -> tuple[float, float]:
    """Return the 95 % interval around a difference with that standard error."""
    return change - _TAILS * error, change + _TAILS * error


def _all_swaps(documents: int) -> Iterator[Counts]:
    import numpy as np

    patterns = np.arange(2**documents, dtype=np.int64)[:, None] >> np.arange(documents, dtype=np.int64)[None, :]
    yield patterns & 1


def _random_swaps(documents: int, samples: int, seed: int) -> Iterator[Counts]:
    draws = Draws(seed)
    block = max(1, _CELLS_AT_ONCE // documents)
    for done in range(0, samples, block):
        yield draws.below(2, (min(block, samples - done), documents))
