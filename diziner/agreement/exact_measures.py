"""Exact token measures of single patterns, for those that stand near an edge.

The measures of all patterns are computed in float64, each within `BOUND` of its true value. Where that could
change a decision, the few patterns concerned are measured again here, in whole numbers and fractions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

from diziner.agreement.columns import Patterns
from diziner.agreement.encoding import Mask

# A measure takes at most some 500 additions, multiplications and divisions of values in [0, 1]: an error below
# 500 x 2^-53 < 6e-14, whatever their order. Files round to 12 places: 5e-13 more. 2^-40 is 9.1e-13.
BOUND = 2.0**-40

Weights = Sequence[Fraction]


class ExactMeasures:
    """Exact measures of patterns (columns of `patterns.codes`) under `weights`, by name of the measure.

    `elite` is the mask of coalition members. Formulas as in `diziner.agreement.disagreement`.
    """

    def __init__(self, patterns: Patterns, weights: Weights, elite: Mask) -> None:
        self._patterns = patterns
        scale = math.lcm(*(weight.denominator for weight in weights))
        self._weights = [int(weight * scale) for weight in weights]
        self._elite = [bool(member) for member in elite]
        self._known: dict[tuple[str, tuple[int, ...]], Fraction] = {}
        self._seen: dict[tuple[str, tuple[int, ...]], Fraction] = {}

    def value(self, measure: str, pattern: int) -> Fraction:
        """Return `u_star`, `tv_between` or `elite_internal` of one pattern."""
        given = self._patterns.codes[:, pattern].tolist()
        if measure == "elite_internal":  # the rest do not count: left out, far fewer patterns differ
            given = [
                code if member else self._patterns.missing for code, member in zip(given, self._elite, strict=True)
            ]
        same = (measure, tuple(given))
        if same not in self._seen:
            key = (measure, _renamed(given, self._patterns.missing))
            if key not in self._known:
                self._known[key] = getattr(self, f"_{measure}")(key[1])
            self._seen[same] = self._known[key]
        return self._seen[same]

    def mass(self, codes: Sequence[int], members: bool | None = None) -> Counter[int]:
        """Return the weight of each label that was given (-1: none), by all, by members or by the rest."""
        mass: Counter[int] = Counter()
        for code, weight, member in zip(codes, self._weights, self._elite, strict=True):
            if code >= 0 and weight and members in (None, member):
                mass[code] += weight
        return mass

    def _u_star(self, codes: tuple[int, ...]) -> Fraction:
        mass = self.mass(codes)
        total = mass.total()
        types: Counter[int] = Counter()
        edges = [0, 0]
        for code, weight in mass.items():
            if code:
                types[(code + 1) // 2] += weight
                edges[code % 2] += weight
        boundary = (Fraction(4 * edge * (total - edge), total * total) for edge in edges if edge)
        return max(_impurity(mass), _impurity(types), *boundary, Fraction(0))

    def _elite_internal(self, codes: tuple[int, ...]) -> Fraction:
        return _impurity(self.mass(codes, members=True))

    def _tv_between(self, codes: tuple[int, ...]) -> Fraction:
        elite, rest = self.mass(codes, members=True), self.mass(codes, members=False)
        a, b = elite.total(), rest.total()
        if not a or not b:
            return Fraction(0)
        return Fraction(sum(abs(elite[code] * b - rest[code] * a) for code in elite.keys() | rest.keys()), 2 * a * b)


def heaviest(codes: Iterable[int], weights: Weights, missing: int) -> int:
    """Return the code of greatest exact weight; of equals the least. Codes of `missing` and above do not count."""
    totals: dict[int, Fraction] = {}
    for code, weight in zip(codes, weights, strict=True):
        if code < missing:
            totals[code] = totals.get(code, Fraction(0)) + weight
    return min(totals, key=lambda code: (-totals[code], code))


def _impurity(mass: Counter[int]) -> Fraction:
    total = mass.total()
    if not total:
        return Fraction(0)
    return 1 - Fraction(sum(weight * weight for weight in mass.values()), total * total)


def _renamed(codes: Sequence[int], missing: int) -> tuple[int, ...]:
    """Return types by their first appearance, -1 for a missing label: patterns that differ in names alone measure
    alike."""
    names: dict[int, int] = {}
    found = []
    for code in codes:
        if code in (0, missing):
            found.append(0 if code == 0 else -1)
        else:
            number = names.setdefault((code + 1) // 2, len(names) + 1)
            found.append(2 * number - code % 2)
    return tuple(found)
