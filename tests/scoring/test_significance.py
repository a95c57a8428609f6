"""p-values of a difference: by all swaps of answers, by drawn ones, and by a standard error."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from diziner.scoring.resampling import Draws
from diziner.scoring.significance import bounds, randomization_p_value, standard_error, unpaired_p_value

Counts = NDArray[np.int64]


def f1(counts: Counts) -> Fraction:
    correct, predicted, gold = (int(total) for total in counts.sum(axis=0))
    return Fraction(2 * correct, predicted + gold) if predicted + gold else Fraction(1)


def by_swaps(new: Counts, old: Counts, patterns: list[tuple[bool, ...]]) -> int:
    """Return how many patterns of swaps differ by as much as what was observed."""
    observed = abs(f1(new) - f1(old))
    swapped = [np.array(pattern)[:, None] for pattern in patterns]
    return sum(abs(f1(np.where(s, old, new)) - f1(np.where(s, new, old))) >= observed for s in swapped)


rows = st.lists(st.tuples(*[st.integers(0, 3)] * 5), min_size=1, max_size=6)


def runs(drawn: list[tuple[int, ...]]) -> tuple[Counts, Counts]:
    new = np.array([(min(a, gold), a + b, gold) for a, b, _, _, gold in drawn], np.int64)
    old = np.array([(min(a, gold), a + b, gold) for _, _, a, b, gold in drawn], np.int64)
    return new, old


@settings(max_examples=60)
@given(rows)
def test_few_documents_are_swapped_all_ways(drawn: list[tuple[int, ...]]) -> None:
    new, old = runs(drawn)
    patterns = list(itertools.product([False, True], repeat=len(new)))
    expected = Fraction(by_swaps(new, old, patterns), len(patterns))
    assert randomization_p_value(new, old, 1, seed=1) == float(expected)


def test_all_ways_are_tried_for_thirteen_documents_and_drawn_ones_for_more() -> None:
    old = np.tile([1, 2, 2], (14, 1))
    new = np.tile([2, 2, 2], (14, 1))
    assert randomization_p_value(new[:13], old[:13], 5, seed=1) == 2 / 2**13
    assert randomization_p_value(new, old, 5, seed=1) == 1 / 6
    same = np.tile([1, 1, 1], (50, 1))  # documents that do not differ are not swapped
    assert randomization_p_value(np.vstack([new[:13], same]), np.vstack([old[:13], same]), 5, seed=1) < 0.001
    assert randomization_p_value(same, same, 5, seed=1) == 1.0


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=14, max_size=30), st.integers(1, 40))
def test_drawn_swaps_are_counted_as_the_observed_one_is(drawn: list[tuple[int, int]], samples: int) -> None:
    new = np.array([(a + 1, 4, 4) for a, _ in drawn], np.int64)
    old = np.array([(0, 3 + b, 4) for _, b in drawn], np.int64)
    swaps = Draws(3).below(2, (samples, len(new))).astype(bool)
    expected = by_swaps(new, old, [tuple(row) for row in swaps.tolist()])
    assert randomization_p_value(new, old, samples, seed=3) == (expected + 1) / (samples + 1)


def test_what_cannot_be_compared_is_refused() -> None:
    rows = np.array([[1, 1, 1], [0, 1, 2]])
    for new, samples, message in ((rows[:1], 1, "same documents"), (rows[::-1], 1, "same documents"), (rows, 0, "1")):
        with pytest.raises(ValueError, match=message):
            randomization_p_value(new, rows, samples, seed=1)


@given(st.floats(-14, 14), st.floats(0.001, 10))
def test_a_standard_error_gives_the_p_value_of_the_normal_distribution(z: float, error: float) -> None:
    found = unpaired_p_value(z * error, error)
    # Beside the last bits of the product of both numbers, which count z^2 times.
    assert found == pytest.approx(math.erfc(abs(z * error / error) / math.sqrt(2)), rel=1e-9)
    assert found == unpaired_p_value(-z * error, error)


def test_no_error_and_a_great_difference_are_certain() -> None:
    assert unpaired_p_value(0.0, 0.0) == 1.0
    assert unpaired_p_value(-0.1, 0.0) == unpaired_p_value(1e-9, 0.0) == 0.0
    assert 0 < unpaired_p_value(14.0, 1.0) < 1e-43
    assert unpaired_p_value(14.01, 1.0) == unpaired_p_value(-14.01, 1.0) == 0.0


def test_an_interval_and_its_standard_error_say_the_same() -> None:
    low, high = bounds(0.2, 0.1)
    assert (low, high) == pytest.approx((0.2 - 0.1959964, 0.2 + 0.1959964))
    assert standard_error(low, high) == pytest.approx(0.1)
