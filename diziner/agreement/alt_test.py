"""Alternative annotator test: may a model stand in for people? (Calderon, Reichart and Dror 2025, arXiv 2501.10970.)

Each person in turn is left out. On every document the model and that person are compared by how well each agrees with
the others; the model has to win as often as the person, less a margin `epsilon` for what it saves. What
agreement is, the paper leaves open: for spans it is the mean strict span F1 with the others, document by document.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from diziner.agreement.shares import span_f1_of
from diziner.common.errors import UserError
from diziner.common.exact import as_written
from diziner.common.words import counted
from diziner.records.annotations import Span

EPSILON = 0.2  # the authors' for experts; 0.15 for trained people, 0.1 for crowds
FALSE_DISCOVERIES = 0.05
LEAST_PEOPLE = 2
LEAST_DOCUMENTS = 30
PASSING = Fraction(1, 2)  # of the people a model has to win against

Spans = Mapping[str, Collection[Span]]  # by document, those that were answered only


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model against one person, over the documents that both and another person answered.

    `model_wins` is the share of them on which the model agrees with the others at least as well as the person does (the
    advantage probability), `person_wins` the reverse; both have the ties. `p_value` is of a one-sided t-test that
    person_wins less model_wins is below epsilon, `adjusted` the same for all people together (Benjamini and Yekutieli).
    """

    documents: int
    model_wins: float
    person_wins: float
    p_value: float
    adjusted: float
    won: bool


@dataclass(frozen=True, slots=True)
class AltTest:
    """Verdict on a model: it passes if it wins against at least half of the people (`winning_rate`).

    `advantage` is the mean of model_wins over people, by which models are compared.
    """

    passed: bool
    winning_rate: float
    advantage: float
    people: Mapping[str, Comparison]


def alt_test(model: Spans, people: Mapping[str, Spans], epsilon: float = EPSILON) -> AltTest:
    """Test one model.

    Errors: UserError for fewer than two people, fewer than 30 documents that a person shares with the model and another
    person, and an epsilon that is not from 0 to 1.
    """
    if len(people) < LEAST_PEOPLE:
        raise UserError(f"{len(people)} person; the test needs {LEAST_PEOPLE} or more, the authors advise 3")
    if not 0 <= epsilon < 1:
        raise UserError(f"epsilon: {epsilon:g}; it must be at least 0 and below 1")
    found = {name: _differences(name, model, people) for name in sorted(people)}
    p_values = [_p_value(own, as_written(epsilon)) for own in found.values()]
    adjusted = benjamini_yekutieli(p_values)
    compared = {
        name: Comparison(
            documents=own.total(),
            model_wins=float(_share(own, -1)),
            person_wins=float(_share(own, 1)),
            p_value=p_value,
            adjusted=corrected,
            won=corrected <= FALSE_DISCOVERIES,
        )
        for (name, own), p_value, corrected in zip(found.items(), p_values, adjusted, strict=True)
    }
    rate = Fraction(sum(each.won for each in compared.values()), len(compared))
    advantage = sum((_share(own, -1) for own in found.values()), Fraction(0)) / len(found)
    return AltTest(rate >= PASSING, float(rate), float(advantage), compared)


def benjamini_yekutieli(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values adjusted so that rejecting up to q keeps the share of false discoveries below q, however they
    hang together: p(k) m H(m) / k, made monotone from the greatest on, with H(m) = 1 + 1/2 + … + 1/m.

    >>> [round(value, 4) for value in benjamini_yekutieli([0.03, 0.01])]
    [0.045, 0.03]
    """
    size = len(p_values)
    harmonic = math.fsum(1 / number for number in range(1, size + 1))
    order = sorted(range(size), key=lambda place: -p_values[place])
    adjusted, least = [0.0] * size, 1.0
    for rank, place in zip(range(size, 0, -1), order, strict=True):
        least = min(least, p_values[place] * size * harmonic / rank)
        adjusted[place] = least
    return tuple(adjusted)


def _differences(person: str, model: Spans, people: Mapping[str, Spans]) -> Counter[int]:
    """Count documents by who agrees better with the others: 1 the person, -1 the model, 0 both as well."""
    found: Counter[int] = Counter()
    for document in people[person].keys() & model.keys():
        others = [own[document] for name, own in people.items() if name != person and document in own]
        if others:
            ours = sum((span_f1_of(model[document], other) for other in others), Fraction(0))
            theirs = sum((span_f1_of(people[person][document], other) for other in others), Fraction(0))
            found[(theirs > ours) - (ours > theirs)] += 1
    if found.total() < LEAST_DOCUMENTS:
        raise UserError(
            f"{person}: {counted(found.total(), 'document')} that the model and another person answered too; the test "
            f"needs {LEAST_DOCUMENTS} or more, the authors advise 50 to 100"
        )
    return found


def _share(found: Counter[int], winner: int) -> Fraction:
    return Fraction(found[winner] + found[0], found.total())


def _p_value(found: Counter[int], epsilon: Fraction) -> float:
    """Return the p-value of a one-sided t-test that the mean is below epsilon; where all are equal it is 0 or 1."""
    from scipy.special import stdtr

    size = found.total()
    mean = Fraction(found[1] - found[-1], size)
    variance = (found[1] + found[-1] - size * mean * mean) / (size - 1)
    if not variance:
        return 0.0 if mean < epsilon else 1.0
    return float(stdtr(size - 1, float(mean - epsilon) / math.sqrt(variance / size)))
