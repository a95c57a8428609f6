"""Exact arithmetic for decisions.

A decision may not hang on the last bits of floating-point arithmetic: they differ with the processor, its SIMD
width, the BLAS kernel, the order of a sum, the C library and the version of Python. docs/determinism.md lists
every decision and its rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction


def as_written(value: float | int | str) -> Fraction:
    """Return the decimal that a number is written as: 0.1 is 1/10, not the nearest binary fraction.

    So a bound from a settings file, or a figure from a metrics file, is what its reader sees.

    >>> as_written(0.1), as_written(80), as_written("1e-3")
    (Fraction(1, 10), Fraction(80, 1), Fraction(1, 1000))
    """
    return Fraction(value if isinstance(value, str) else repr(value))


def mean(values: Iterable[float]) -> float:
    """Return the mean, from a sum that is rounded once: the same in any order, on any version of Python.

    `sum` adds floats with a correction from Python 3.12 on, and without one before.

    Errors: ZeroDivisionError for no values.

    >>> mean([0.1] * 10)
    0.1
    """
    found = list(values)
    return math.fsum(found) / len(found)
