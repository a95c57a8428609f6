"""Agreement of a round's annotators (agreement.schema.json)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from itertools import combinations
from typing import Any

from diziner.common.rounding import rounded_finely


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of one round's annotators, all over the documents that both of a pair answered.

    `pairs` maps measure -> square matrix in the order of `annotators` (diagonal 1.0). `mean` is each
    annotator's mean pairwise strict span F1, `overall` the mean of those, `weights` sum to 1. `of_all` maps measures of
    the whole set to their values: in the file they are keys beside the others. `common` has how many documents
    both of a pair answered, where these are not all for every pair; else it is empty, and no key of the file.
    """

    annotators: tuple[str, ...]
    documents: int
    pairs: Mapping[str, tuple[tuple[float, ...], ...]]
    mean: Mapping[str, float]
    overall: float
    weights: Mapping[str, float]
    coalition: tuple[str, ...]
    of_all: Mapping[str, float]
    common: tuple[tuple[int, ...], ...] = ()

    def among(self, names: Collection[str]) -> float:
        """Return the overall agreement of some annotators: the mean strict span F1 of their pairs, to 9 places.

        Rounds in which others took part are compared by it: without its worst annotator every pool agrees better.
        Fewer than two, or all of them: `overall`.
        """
        chosen = [position for position, name in enumerate(self.annotators) if name in names]
        if not 2 <= len(chosen) < len(self.annotators):
            return self.overall
        matrix = self.pairs["strict_span_f1"]
        # Decimals of nine places as fractions: rounds are told apart by this figure.
        found = [Fraction(repr(matrix[one][other])) for one, other in combinations(chosen, 2)]
        return round(float(sum(found, Fraction(0)) / len(found)), 9)


def agreement_to_json(agreement: Agreement) -> dict[str, Any]:
    """Return agreement.json (agreement.schema.json)."""
    value: dict[str, Any] = rounded_finely(asdict(agreement))
    of_all: dict[str, Any] = value.pop("of_all")
    if not agreement.common:
        del value["common"]
    return value | of_all


def agreement_from_json(value: Mapping[str, Any]) -> Agreement:
    """Return the Agreement of a checked agreement.json."""
    own = {field.name for field in fields(Agreement)}
    return Agreement(
        annotators=tuple(value["annotators"]),
        documents=value["documents"],
        pairs={name: tuple(map(tuple, matrix)) for name, matrix in value["pairs"].items()},
        mean=value["mean"],
        overall=value["overall"],
        weights=value["weights"],
        coalition=tuple(value["coalition"]),
        common=tuple(map(tuple, value.get("common", ()))),
        of_all={name: figure for name, figure in value.items() if name not in own},
    )
