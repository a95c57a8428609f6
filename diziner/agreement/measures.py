"""Measures of agreement, each declared where it is defined; files, schemas and pages that show one follow from that.

A measure of pairs gives a matrix, a measure of the set one figure. `diziner.agreement.pairwise` and
`diziner.agreement.chance` have those that are built in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from diziner.agreement.encoding import Floats, Ints


class SpanMatches(NamedTuple):
    """Counts for each ordered pair, A x A: equal spans, spans with equal bounds, and own spans.

    Own spans, entry (a, b), are a's in the documents that b answered too. Spans never cross documents.
    """

    strict: Ints
    boundary: Ints
    own: Ints


PairFunction = Callable[[SpanMatches, Ints], Floats]
SetFunction = Callable[[Ints, Ints], float]


@dataclass(frozen=True, slots=True)
class PairMeasure:
    """Agreement of each pair, from span matches and label tables (P x L x L), as a symmetric A x A matrix.

    Values are from `low` to 1. `mean_as` is what the mean over pairs is called in a round's metrics; None: not there.
    """

    name: str
    title: str
    of: PairFunction
    low: int
    mean_as: str | None


@dataclass(frozen=True, slots=True)
class SetMeasure:
    """Agreement of all annotators, from label counts of items (L x U) and how often each occurs: from `low` to 1."""

    name: str
    title: str
    of: SetFunction
    low: int = -1


PAIR_MEASURES: dict[str, PairMeasure] = {}
SET_MEASURES: dict[str, SetMeasure] = {}


def pair_measure(
    name: str, title: str, low: int = 0, mean_as: str | None = None
) -> Callable[[PairFunction], PairFunction]:
    """Register the decorated function as a measure of pairs; see `PairMeasure`."""

    def register(function: PairFunction) -> PairFunction:
        PAIR_MEASURES[name] = PairMeasure(name, title, function, low, mean_as)
        return function

    return register


def set_measure(name: str, title: str, low: int = -1) -> Callable[[SetFunction], SetFunction]:
    """Register the decorated function as a measure of the set; see `SetMeasure`."""

    def register(function: SetFunction) -> SetFunction:
        SET_MEASURES[name] = SetMeasure(name, title, function, low)
        return function

    return register
