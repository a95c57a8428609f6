"""Disagreement of annotators at each token (method section 5)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from diziner.agreement.columns import Patterns, label_mass
from diziner.agreement.encoding import Codes, Floats, Mask

# Patterns per step: tables of labels x patterns stay in the processor's cache, which halves the time.
_BLOCK = 2048
# As files have them; decisions are made by `exact_measures`.
_PLACES = 12


@dataclass(frozen=True, slots=True, eq=False)
class TokenMeasures:
    """Eight columns of equal length, one value per token or pattern, all in [0, 1] but the last in [-1, 1].

    With p the weighted distribution of BIO labels, q of types:
    d_bio = 1 - sum p^2; d_type = 1 - sum of squared type shares among entity labels (0 without any);
    u_boundary = max of 4x(1-x) for x the mass of all B and of all I labels; u_star = max of these three.
    With C the coalition and R the rest, each normalised: tv_between = half the L1 distance of p_C and p_R;
    elite_internal and rest_internal = d_bio inside each; elite_dominance = tv_between - elite_internal
    where tv_between > 0, else 0. Where C or R has no label, or a single one, the values are 0.
    """

    d_bio: Floats
    d_type: Floats
    u_boundary: Floats
    u_star: Floats
    tv_between: Floats
    elite_internal: Floats
    rest_internal: Floats
    elite_dominance: Floats

    def of(self, index: NDArray[np.intp]) -> TokenMeasures:
        """Return the rows that `index` names: from measures of patterns those of tokens, by each token's pattern."""
        return TokenMeasures(*(getattr(self, name)[index] for name in COLUMNS))


COLUMNS = tuple(column.name for column in fields(TokenMeasures))


def pattern_measures(patterns: Patterns, weights: Floats, elite: Mask) -> TokenMeasures:
    """Measure every pattern, from A weights (any scale) and the mask of coalition members.

    Weights are renormalised among those who answered; weightless answers do not count. Each value is within
    `exact_measures.BOUND` of the true one, and made of single additions, multiplications and divisions in a fixed
    order, so that files have the same bytes on every machine.
    """
    size = patterns.codes.shape[1]
    per_pattern = np.zeros((len(COLUMNS), size))
    # The first `missing` patterns are unanimous: every measure is 0 there.
    for start in range(patterns.missing, size, _BLOCK):
        block = slice(start, min(start + _BLOCK, size))
        per_pattern[:, block] = _measure(patterns.codes[:, block], patterns.missing, weights, elite)
    # Adding zero turns -0.0 into 0.0.
    return TokenMeasures(*(np.round(per_pattern, _PLACES) + 0.0))


def _measure(codes: Codes, labels: int, weights: Floats, elite: Mask) -> Floats:
    coalition = label_mass(codes[elite], weights[elite], labels)
    rest = label_mass(codes[~elite], weights[~elite], labels)
    elite_weight, rest_weight = coalition.sum(axis=0), rest.sum(axis=0)
    shares = _divided(coalition + rest, elite_weight + rest_weight)
    begin, inside = shares[1::2], shares[2::2]
    starts, continues = begin.sum(axis=0), inside.sum(axis=0)
    d_bio = _impurity(shares)
    d_type = _impurity(_divided(begin + inside, starts + continues))
    u_boundary = np.maximum(4 * starts * (1 - starts), 4 * continues * (1 - continues))
    coalition, rest = _divided(coalition, elite_weight), _divided(rest, rest_weight)
    both = (elite_weight > 0) & (rest_weight > 0)
    tv_between = np.where(both, 0.5 * np.abs(coalition - rest).sum(axis=0), 0.0)
    elite_internal, rest_internal = _impurity(coalition), _impurity(rest)
    return np.stack(
        [
            d_bio,
            d_type,
            u_boundary,
            np.maximum(np.maximum(d_bio, d_type), u_boundary),
            tv_between,
            elite_internal,
            rest_internal,
            np.where(tv_between > 10.0**-_PLACES, tv_between - elite_internal, 0.0),
        ]
    )


def _divided(mass: Floats, total: Floats) -> Floats:
    """Return each column by its total; zeros where the total is zero."""
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return mass * inverse


def _impurity(shares: Floats) -> Floats:
    """Return 1 - sum of squares; 0 where there is no mass."""
    # Row by row: einsum would fuse multiplication and addition where the processor can.
    squares, square = np.zeros_like(shares, shape=shares.shape[1:]), np.empty_like(shares, shape=shares.shape[1:])
    for share in shares:
        squares += np.multiply(share, share, out=square)
    return np.where(squares > 0, 1.0 - squares, 0.0)
