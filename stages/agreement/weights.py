"""How much each annotator's label counts, and who forms the coalition (method sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from stages.agreement.encoding import Floats
from stages.agreement.pairwise import mean_of_others
from stages.agreement.settings import AnalysisSettings

_TIE = 1e-9


def annotator_weights(pairs: Mapping[str, Floats], settings: AnalysisSettings) -> Floats:
    """Weights that sum to 1, from pairwise measures, by `settings.weights`.

    span_f1: mean pairwise strict span F1, at least `weight_floor`. kappa: mean pairwise Cohen's kappa.
    hybrid: the mean of both, each normalised (no floor). A single annotator has weight 1.0.

    >>> pairs = {"strict_span_f1": np.eye(2), "cohens_kappa": np.array([[1.0, -0.5], [-0.5, 1.0]])}
    >>> annotator_weights(pairs, AnalysisSettings()).tolist()
    [0.5, 0.5]
    """
    spans = mean_of_others(pairs["strict_span_f1"])
    if settings.weights == "span_f1":
        return _normalised(np.maximum(settings.weight_floor, spans))
    kappas = mean_of_others(pairs["cohens_kappa"])
    if settings.weights == "kappa":
        return _normalised(kappas)
    return 0.5 * _normalised(spans) + 0.5 * _normalised(kappas)


def _normalised(values: Floats) -> Floats:
    """Shift so that none is negative, divide by the sum; equal shares where the sum is zero."""
    shifted = values - min(0.0, float(values.min()))
    total = float(shifted.sum())
    return shifted / total if total > 0 else np.full(len(values), 1.0 / len(values))


def coalition_of(names: Sequence[str], weights: Floats, cutoff: float) -> tuple[str, ...]:
    """The heaviest annotators until their weights reach `cutoff`, the one that crosses it included.

    Equal weights (within 1e-9) go by name. In order of weight.

    >>> coalition_of(["b", "a", "c"], np.array([0.4, 0.4, 0.2]), 0.5)
    ('a', 'b')
    >>> coalition_of(["only"], np.array([1.0]), 0.5)
    ('only',)
    """
    by_name = dict(zip(names, weights.tolist(), strict=True))
    ranked = sorted(by_name, key=lambda name: (-round(by_name[name], 9), name))
    reached = list(accumulate(by_name[name] for name in ranked))
    return tuple(ranked[: 1 + sum(weight < cutoff - _TIE for weight in reached[:-1])])
