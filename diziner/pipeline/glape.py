"""GLaPE (Zhang et al. 2024, arXiv 2402.02408): guidelines scored by self- and mutual consistency, a rival to agreement.

A model answers every document several times by each guideline. An answer is a document's whole set of spans. The
self-consistency of a guideline on a document is the share of its most frequent answer. Where guidelines have the same
most frequent answer, their scores are drawn together: a wrong answer that one of them gives each time costs it what
the others' doubt says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from diziner.annotator.settings import AnnotatorSettings
from diziner.records.annotations import LEFT_OUT, Annotation, Span

Answer = tuple[Span, ...]
Samples = Sequence[Sequence[Annotation]]  # one sequence of rows, of the same documents, for each time of asking

_SELF = Fraction(1, 2)  # weight of self-consistency in the loss, the paper's alpha; the rest is mutual consistency's


def glape_scores(samples: Mapping[int, Mapping[str, Samples]]) -> dict[int, dict[str, Fraction]]:
    """Return the score of every guideline (by round) for every annotator: the mean over documents, from 0 to 1.

    The paper minimises, for each document, alpha/2 x the squares of score less self-consistency, plus (1 - alpha) x the
    squares of the differences of scores whose answers are equal, by gradient descent. That is a quadratic function:
    its minimum is here in closed form. A sample that failed is an answer that equals no other. Annotators that a
    guideline left out have no score in any round.
    """
    scores: dict[int, dict[str, Fraction]] = {number: {} for number in samples}
    for name in sorted({name for own in samples.values() for name in own}):
        rounds = {number: own[name] for number, own in samples.items()}
        if any(_was_left_out(own) for own in rounds.values()):
            continue
        documents = [row.id for row in next(iter(rounds.values()))[0]]
        totals: dict[int, Fraction] = dict.fromkeys(rounds, Fraction(0))
        for place in range(len(documents)):
            found = {number: most_frequent([rows[place] for rows in own]) for number, own in rounds.items()}
            for number, score in refined(found).items():
                totals[number] += score
        for number, total in totals.items():
            scores[number][name] = total / len(documents)
    return scores


def most_frequent(rows: Sequence[Annotation]) -> tuple[Answer | None, Fraction]:
    """Return the most frequent answer to a document, of equals the first given, and its share of all samples; None and
    0 if all failed."""
    answers = Counter(row.spans for row in rows if row.failure is None)
    if not answers:
        return None, Fraction(0)
    answer, count = answers.most_common(1)[0]
    return answer, Fraction(count, len(rows))


def refined(found: Mapping[int, tuple[Answer | None, Fraction]]) -> dict[int, Fraction]:
    """Return the scores on one document: self-consistencies, drawn together where answers are equal.

    Of m guidelines with one answer and mean self-consistency c, each gets (a own + 2 (1 - a) m c) / (a + 2 (1 - a) m).

    >>> one, other = (Span(0, 1, "PER"),), (Span(0, 2, "PER"),)
    >>> scores = refined({0: (one, Fraction(1)), 1: (one, Fraction(2, 5)), 2: (other, Fraction(1))})
    >>> {number: str(score) for number, score in scores.items()}
    {0: '19/25', 1: '16/25', 2: '1'}
    """
    groups: dict[Answer | None, list[int]] = defaultdict(list)
    for number, (answer, _) in found.items():
        groups[answer].append(number)
    scores = {}
    for number, (answer, own) in found.items():
        together = groups[answer] if answer is not None else [number]
        pull = 2 * (1 - _SELF) * len(together)
        mean = sum((found[other][1] for other in together), Fraction(0)) / len(together)
        scores[number] = (_SELF * own + pull * mean) / (_SELF + pull)
    return scores


def sampling(annotator: AnnotatorSettings, number: int, temperature: float) -> AnnotatorSettings:
    """Return an annotator as it is asked for the sample of that number: at a temperature, each with a seed of its
    own."""
    model = replace(annotator.asked, temperature=temperature, seed=annotator.asked.seed + number)
    return replace(annotator, model=model)


def _was_left_out(samples: Samples) -> bool:
    return any(row.failure is not None and row.failure.code == LEFT_OUT for rows in samples for row in rows)
