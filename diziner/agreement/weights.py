"""Weights of annotators' labels, and the coalition (method sections 3 and 4). Exact: fractions of counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

from diziner.agreement.settings import AnalysisSettings
from diziner.common.exact import as_written

Matrix = Sequence[Sequence[Fraction]]


def mean_of_others(matrix: Matrix) -> list[Fraction]:
    """Return each row's mean without its diagonal entry; a single annotator has 1.

    >>> one, half, zero = Fraction(1), Fraction(1, 2), Fraction(0)
    >>> mean_of_others([[one, half, zero], [half, one, one], [zero, one, one]])
    [Fraction(1, 4), Fraction(3, 4), Fraction(1, 2)]
    >>> mean_of_others([[one]])
    [Fraction(1, 1)]
    """
    size = len(matrix)
    if size == 1:
        return [Fraction(1)]
    return [
        sum((value for column, value in enumerate(values) if column != row), Fraction(0)) / (size - 1)
        for row, values in enumerate(matrix)
    ]


def annotator_weights(f1: Matrix, kappa: Callable[[], Matrix], settings: AnalysisSettings) -> list[Fraction]:
    """Return weights that sum to 1, from pairwise measures, by `settings.weights`.

    span_f1: mean pairwise strict span F1, at least `weight_floor`. kappa: mean pairwise Cohen's kappa, asked for
    only where it counts. hybrid: the mean of both, each normalised (no floor). A single annotator has weight 1.

    >>> one, zero, half = Fraction(1), Fraction(0), Fraction(-1, 2)
    >>> annotator_weights([[one, zero], [zero, one]], lambda: [[one, half], [half, one]], AnalysisSettings())
    [Fraction(1, 2), Fraction(1, 2)]
    """
    spans = mean_of_others(f1)
    if settings.weights == "span_f1":
        floor = as_written(settings.weight_floor)
        return _normalised([max(floor, value) for value in spans])
    kappas = _normalised(mean_of_others(kappa()))
    if settings.weights == "kappa":
        return kappas
    return [(one + other) / 2 for one, other in zip(_normalised(spans), kappas, strict=True)]


def analysis_weights(f1: Matrix, kappa: Callable[[], Matrix], settings: AnalysisSettings) -> list[Fraction]:
    """Return the weights of token measures and coalition: by `settings.analysis_weights`, else those of the consensus.

    >>> settings = AnalysisSettings(weights="span_f1", analysis_weights="kappa")
    >>> f1 = [[Fraction(1), Fraction(1, 2)], [Fraction(1, 2), Fraction(1)]]
    >>> analysis_weights(f1, lambda: f1, settings)
    [Fraction(1, 2), Fraction(1, 2)]
    """
    return annotator_weights(f1, kappa, replace(settings, weights=settings.analysis_weights or settings.weights))


def _normalised(values: Sequence[Fraction]) -> list[Fraction]:
    """Shift so that none is negative, divide by the sum; equal shares where the sum is zero."""
    shift = min(Fraction(0), *values)
    shifted = [value - shift for value in values]
    total = sum(shifted, Fraction(0))
    return [value / total if total else Fraction(1, len(values)) for value in shifted]


def coalition_of(names: Sequence[str], weights: Sequence[Fraction], cutoff: Fraction) -> tuple[str, ...]:
    """Return the heaviest annotators until their weights reach `cutoff`, the one that crosses it included.

    Equal weights go by name. In order of weight.

    >>> coalition_of(["b", "a", "c"], [Fraction(2, 5), Fraction(2, 5), Fraction(1, 5)], Fraction(1, 2))
    ('a', 'b')
    >>> coalition_of(["only"], [Fraction(1)], Fraction(1, 2))
    ('only',)
    """
    by_name = dict(zip(names, weights, strict=True))
    ranked = sorted(by_name, key=lambda name: (-by_name[name], name))
    reached = list(accumulate(by_name[name] for name in ranked))
    return tuple(ranked[: 1 + sum(weight < cutoff for weight in reached[:-1])])
