"""Random numbers and F1 values for resampling, in whole numbers: the same on every machine.

NumPy's distributions (`multinomial`, `binomial`) compute with the C library's logarithm and exponential, which
differ in their last bits between machines; the raw stream of a bit generator is fixed for good (NEP 19).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]


class Draws:
    """A stream of random whole numbers from a seed, used row by row: reading it in blocks changes no number."""

    def __init__(self, seed: int) -> None:
        from numpy.random import PCG64

        self._generator: Any = PCG64(seed)

    def below(self, bound: int, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Draw numbers from 0 to `bound` - 1, bound at most 2^32; each as likely as another to 1 part in 2^32 / bound.

        >>> Draws(13).below(10, (2, 5)).tolist()
        [[8, 8, 8, 2, 0], [9, 6, 0, 9, 9]]
        """
        import numpy as np

        # The upper half of 64 bits times the bound, less the fraction.
        halves = self._generator.random_raw(shape) >> np.uint64(32)
        found: NDArray[np.int64] = ((halves * np.uint64(bound)) >> np.uint64(32)).astype(np.int64)
        return found


class Ratios(NamedTuple):
    """F1 values as quotients of whole numbers, one in each row: 2 correct / (predicted + gold), 1 / 1 without spans."""

    above: Counts
    below: Counts

    def values(self) -> NDArray[np.float64]:
        """Return the values, each rounded once."""
        found: NDArray[np.float64] = self.above / self.below
        return found


def f1_ratios(totals: Counts) -> Ratios:
    """Return F1 of each row of (correct, predicted, gold)."""
    import numpy as np

    spans = totals[:, 1] + totals[:, 2]
    return Ratios(np.where(spans == 0, 1, 2 * totals[:, 0]), np.where(spans == 0, 1, spans))


def exact_f1(counts: Counts) -> Fraction:
    """Return F1 of all rows of (correct, predicted, gold) together, as a fraction."""
    above, below = f1_ratios(counts.sum(axis=0)[None])
    return Fraction(int(above[0]), int(below[0]))
