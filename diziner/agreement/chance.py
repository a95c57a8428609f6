"""Agreement beyond chance: Cohen's kappa for pairs, Fleiss' kappa and Krippendorff's alpha for the set.

All are computed from counts, never from pairs of tokens, so they are linear in the number of patterns; exactly,
and rounded once, so that no order of summation shows.
Where the formula is 0/0 there is nothing to disagree on, and the value is 1.0.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from diziner.agreement.encoding import Floats, Ints
from diziner.agreement.measures import set_measure


def cohens_kappa(tables: Ints) -> Floats:
    """Return Cohen's kappa of contingency tables, shape (..., L, L): (p_o - p_e) / (1 - p_e), in [-1, 1].

    1.0 where chance agreement is certain (both used one and the same label) and where a table is empty.

    >>> cohens_kappa(np.array([[20, 5], [10, 15]])).round(3).item()
    0.4
    >>> cohens_kappa(np.array([[7, 0], [0, 0]])).item(), cohens_kappa(np.zeros((2, 2), int)).item()
    (1.0, 1.0)
    >>> cohens_kappa(np.array([[0, 7], [0, 0]])).item()
    0.0
    """
    # Summed as integers, which is quicker than with a conversion on the way.
    rows, columns = tables.sum(axis=-1).astype(np.float64), tables.sum(axis=-2).astype(np.float64)
    total = rows.sum(axis=-1)
    observed = np.trace(tables, axis1=-2, axis2=-1) * total
    expected = (rows * columns).sum(axis=-1)
    room = total * total - expected
    kappa: Floats = np.divide(observed - expected, room, out=np.ones_like(room), where=room > 0)
    return kappa


def exact_kappa(table: Ints) -> Fraction:
    """Return Cohen's kappa of one contingency table (L x L) as a fraction; edge values as in `cohens_kappa`.

    >>> exact_kappa(np.array([[20, 5], [10, 15]]))
    Fraction(2, 5)
    """
    rows, columns = table.sum(axis=1).tolist(), table.sum(axis=0).tolist()
    total = sum(rows)
    expected = sum(row * column for row, column in zip(rows, columns, strict=True))
    room = total * total - expected
    return Fraction(int(np.trace(table)) * total - expected, room) if room else Fraction(1)


@set_measure("fleiss_kappa", "Fleiss' kappa")
def fleiss_kappa(counts: Ints, frequency: Ints) -> float:
    """Return Fleiss' kappa (P - P_e) / (1 - P_e) of items given as label counts, L x U, each `frequency` times.

    P_i = (sum_j n_ij^2 - n_i) / (n_i (n_i - 1)), averaged over items with at least two labels; with equal
    n_i this is the standard statistic, and items may differ in n_i where annotators failed. 1.0 where only
    one label was used, and where no item has two labels (a single annotator, no tokens).

    >>> fleiss_kappa(np.array([[2, 1], [0, 1]]), np.array([1, 1])).__round__(4)
    -0.3333
    >>> fleiss_kappa(np.array([[3], [0]]), np.array([5])), fleiss_kappa(np.ones((1, 1), int), np.array([5]))
    (1.0, 1.0)
    """
    found = _pairable(counts, frequency)
    if len(found.used) < 2:
        return 1.0
    observed = sum((Fraction(own, n * (n - 1)) for n, own in found.agreeing.items()), Fraction(0)) / found.items
    expected = Fraction(sum(use * use for use in found.used), sum(found.used) ** 2)
    return float((observed - expected) / (1 - expected))


@set_measure("krippendorff_alpha", "Krippendorff's alpha")
def krippendorff_alpha(counts: Ints, frequency: Ints) -> float:
    """Return Krippendorff's alpha for nominal data, 1 - D_o / D_e, of items as label counts, L x U.

    Missing labels are simply not counted; items with fewer than two labels are not pairable and left out.
    1.0 where only one label was used, and where no item is pairable.

    >>> krippendorff_alpha(np.array([[2, 1, 0], [0, 1, 2]]), np.array([3, 1, 2])).__round__(4)
    0.6857
    >>> krippendorff_alpha(np.array([[3], [0]]), np.array([5])), krippendorff_alpha(
    ...     np.ones((1, 1), int), np.array([5])
    ... )
    (1.0, 1.0)
    """
    found = _pairable(counts, frequency)
    if len(found.used) < 2:
        return 1.0
    values = sum(found.used)
    matching = sum((Fraction(own, n - 1) for n, own in found.agreeing.items()), Fraction(0))
    observed = (values - matching) / values
    expected = Fraction(values * values - sum(use * use for use in found.used), values * (values - 1))
    return float(1 - observed / expected)


class _Pairable(NamedTuple):
    """Items with at least two labels: how many; sum of n_ij^2 - n_ij by number of labels n; uses of each used label."""

    items: int
    agreeing: dict[int, int]
    used: list[int]


def _pairable(counts: Ints, frequency: Ints) -> _Pairable:
    size = counts.sum(axis=0)
    kept = (size >= 2) & (frequency > 0)
    counts, frequency, size = counts[:, kept], frequency[kept], size[kept]
    own = ((counts * counts).sum(axis=0) - size) * frequency
    agreeing = {n: int(own[size == n].sum()) for n in np.unique(size).tolist()}
    uses = (counts * frequency).sum(axis=1).tolist()
    return _Pairable(int(frequency.sum()), agreeing, [use for use in uses if use])
