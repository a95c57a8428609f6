"""Arithmetic that gives the same bits on every machine.

A matrix product sums in an order that depends on the processor, and the last bits of its floats with it. Here
numbers are rounded to a grid of whole multiples of 2**-bits before they are multiplied or summed, so few of
them that every sum, in any order and with fused multiply-adds or without, is a whole multiple of the product's
grid below 2**53 of its steps: float64 then holds it exactly, and all orders agree. What lies between are single
operations (add, subtract, multiply, divide, square root, round half to even), each of which IEEE 754 defines to
the last bit. `exp` and `erf` are left to no library, but built from those. Only the sign of a zero may depend on
the order of a sum, and nothing depends on that.

All arrays are float64; `bits` is how fine a grid is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diziner.common.errors import UserError

Reals = NDArray[np.float64]

EXACT = 2.0**53  # whole numbers up to here are exact in float64
SLACK = 1.01  # for the rounding of values to grids, and of the bounds' own arithmetic

# erfc(y / sqrt 2) = (1 + sum of a[k] y**k)**-16, the form of Abramowitz and Stegun 7.1.28 with two terms more;
# fitted to the least greatest error of y/2 times it on [0, 6], which is 4e-9.
_ERFC = (
    *(4.98679359e-2, 2.11363144e-2, 3.28896531e-3, 2.77122611e-5),
    *(5.08748712e-5, 7.45007833e-6, -1.12849193e-6, 1.58679814e-7),
)

# exp(-s) up to s**5, for s of at most 24 / 64.
_EXP = (-1 / 120, 1 / 24, -1 / 6, 1 / 2, -1.0, 1.0)


def to_grid(values: Reals, bits: int) -> Reals:
    """Round in place to the nearest multiple of 2**-bits, halves to the even one; the same array is returned.

    >>> to_grid(np.array([0.3, -0.3, 0.375, 2.0]), 2).tolist()
    [0.25, -0.25, 0.5, 2.0]
    """
    np.multiply(values, 2.0**bits, out=values)
    np.rint(values, out=values)
    return np.multiply(values, 2.0**-bits, out=values)


def sum_of_squares(values: Reals, bits: int) -> Reals:
    """Sum the squares along the last axis, of `values` rounded to 2**-bits, as whole numbers; the axis is kept.

    Each sum must stay below 2**(63 - 2 * bits); callers prove it.

    >>> sum_of_squares(np.array([[3.0, 4.0], [0.5, 0.1]]), 2).tolist()
    [[25.0], [0.25]]
    """
    whole = np.rint(values * 2.0**bits).astype(np.int64)
    total: Reals = (whole * whole).sum(axis=-1, keepdims=True).astype(np.float64)
    return np.multiply(total, 2.0 ** (-2 * bits), out=total)


def exp_negative(values: Reals) -> Reals:
    """Compute exp(-values) for values of 0 and more; the error is below 2e-10. `values` are overwritten.

    Values above 24 are taken as 24, whose exp(-24) is 4e-11.

    >>> import math
    >>> steps = np.linspace(0.0, 30.0, 3001)
    >>> float(np.abs(exp_negative(steps.copy()) - [math.exp(-step) for step in steps]).max()) < 2e-10
    True
    """
    np.minimum(values, 24.0, out=values)
    np.multiply(values, 1 / 64, out=values)
    result = np.multiply(values, _EXP[0])
    for coefficient in _EXP[1:-1]:
        result += coefficient
        result *= values
    result += _EXP[-1]
    return _power(result, 6)


def gelu(values: Reals) -> Reals:
    """Compute x (1 + erf(x / sqrt 2)) / 2 in place; the error is below 5e-9 for |x| up to 1000.

    >>> import math
    >>> steps = np.linspace(-9.0, 9.0, 3601)
    >>> exact = [step * math.erfc(-step / math.sqrt(2)) / 2 for step in steps]
    >>> float(np.abs(gelu(steps.copy()) - exact).max()) < 5e-9
    True
    >>> gelu(np.array([0.0, 1000.0])).tolist()
    [0.0, 1000.0]
    """
    tail = np.abs(values)
    power = np.multiply(tail, _ERFC[-1])
    for coefficient in _ERFC[-2::-1]:
        power += coefficient
        power *= tail
    power += 1.0
    tail /= _power(power, 4)
    tail *= 0.5
    # For x of 0 and more the result is x - x erfc(x / sqrt 2) / 2; for the others, that of -x less -x.
    np.maximum(values, 0.0, out=values)
    return np.subtract(values, tail, out=values)


def _power(values: Reals, doublings: int) -> Reals:
    """Return values ** (2 ** doublings), in place."""
    for _ in range(doublings):
        np.multiply(values, values, out=values)
    return values


def require(bound: float, limit: float, what: str) -> None:
    """Refuse what cannot be proved exact: a bound that is not below its limit, NaN included, is a UserError."""
    if not bound * SLACK < limit:
        raise UserError(f"{what}: sums may reach {bound:.3g}, exact is only what stays below {limit:.3g}")
