"""Crossed design of models, prompts, answers and documents: a gain in micro F1, split into what it depends on.

Every model reads both guidelines under every prompt, answers `samples` times, about the same documents. The gain of a
cell is its F1 by the refined guideline less that by the first. Documents, and the answers drawn for them, are
resampled; models and prompts, which are few, are treated by the analysis of variance of a random-effects model, with
generalized intervals (Weerahandi 1993): each mean square is divided by chi-squared draws. Needs numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from diziner.scoring.resampling import Draws, f1_ratios

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]
Cells = tuple[Numbers, Numbers]  # some models under some prompts, by their numbers
Effect = tuple[int, ...]  # axes of a table that an effect is of

_TAILS = (2.5, 97.5)  # percentiles of a two-sided 95 % interval
_PIVOTS = 4_000  # draws of chi-squared numbers
_MODELS, _PROMPTS, _DOCUMENTS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its two-sided 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Split:
    """A mean gain and the standard deviations of a single cell's gain, all as differences of F1.

    `gain`: the mean over cells; its interval is over documents and answers, for these models and prompts. `beyond`: the
    same mean, with an interval for other models and prompts that these stand for. `models`, `prompts`, `both`: how far
    gains differ by model, by prompt, and by model from prompt to prompt. `documents`, `answers`: how far a cell's gain
    would move with other documents, and with other answers to the same. None: the design cannot tell (one model, one
    prompt, one answer each); `documents` has what `answers` would, then.
    """

    gain: Estimate
    beyond: Estimate | None
    models: Estimate | None
    prompts: Estimate | None
    both: Estimate | None
    documents: Estimate
    answers: Estimate | None


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """F1 of every cell: as it is, guidelines (first, refined) x models x prompts x samples, and on resampled documents
    (resamples in front); `shares` are documents' parts of the gains (`document_gains`)."""

    f1: Floats
    resampled: Floats
    shares: Floats
    weights: Floats

    @property
    def gains(self) -> Floats:
        """Gains, models x prompts x samples."""
        found: Floats = self.f1[1] - self.f1[0]
        return found

    @property
    def resampled_gains(self) -> Floats:
        found: Floats = self.resampled[:, 1] - self.resampled[:, 0]
        return found

    def mean_gain(self, cells: Cells) -> Estimate:
        """Return the mean gain of cells; the interval is over documents and answers."""
        return _interval(self._mean(cells), self._means(cells))

    def difference(self, some: Cells, others: Cells) -> Estimate:
        """Return the mean gain of cells less that of others, on the same resamples of documents."""
        return _interval(self._mean(some) - self._mean(others), self._means(some) - self._means(others))

    def _mean(self, cells: Cells) -> float:
        models, prompts = cells
        return float(self.gains[models][:, prompts].mean())

    def _means(self, cells: Cells) -> Floats:
        models, prompts = cells
        found: Floats = self.resampled_gains[:, models][:, :, prompts].mean(axis=(1, 2, 3))
        return found


def crossed(counts: Ints, resamples: int, seed: int) -> Crossed:
    """Score a design from counts (correct, predicted, gold), shape (2, models, prompts, samples, documents, 3).

    Errors: ValueError for another shape, fewer than two documents, or no resamples.
    """
    if counts.ndim != 6 or counts.shape[0] != 2 or counts.shape[-1] != 3 or 0 in counts.shape:
        raise ValueError(f"counts must be (2, models, prompts, samples, documents, 3), not {counts.shape}")
    documents = counts.shape[4]
    if documents < 2 or resamples < 1:
        raise ValueError(f"{documents} documents, {resamples} resamples: two and one are needed at least")
    drawn = Draws(seed).below(documents, (resamples, documents))
    rows = np.repeat(np.arange(resamples), documents) * documents
    weights = np.bincount(rows + drawn.ravel(), minlength=resamples * documents).reshape(resamples, documents)
    by_document = np.moveaxis(counts, 4, 0).reshape(documents, -1)
    # Whole numbers far below 2^53: floats multiply them exactly, and quickly.
    totals = (weights.astype(np.float64) @ by_document.astype(np.float64)).astype(np.int64)
    return Crossed(
        _f1(counts.sum(axis=4)),
        _f1(totals.reshape(resamples, *counts.shape[:4], 3)),
        document_gains(counts),
        weights.astype(np.float64),
    )


def document_gains(counts: Ints) -> Floats:
    """Return each document's part of the gains, models x prompts x samples x documents: its mean over documents is the
    gain of the cell, its spread that of the gain to first order (the influence of a document on a ratio)."""
    totals = counts.sum(axis=4, keepdims=True)
    spans = counts[..., 1] + counts[..., 2]
    f1 = _f1(totals)
    all_spans = np.maximum(totals[..., 1] + totals[..., 2], 1)
    parts = f1 + counts.shape[4] * (2 * counts[..., 0] - f1 * spans) / all_spans
    found: Floats = parts[1] - parts[0]
    return found


def split(design: Crossed, seed: int) -> Split:
    """Split the gains of a design.

    The random-effects model of a document's part of a gain: mean + model + prompt + document + their interactions +
    answer. Negative estimates of variances are 0, as are negative bounds.
    """
    shares = design.shares
    samples, documents = shares.shape[2:]
    within = shares.var(axis=2, ddof=1).mean(axis=(0, 1)) if samples > 1 else None  # by document
    noise = None if within is None else float(within.mean())
    squares = mean_squares(shares.mean(axis=2), samples)
    pivots = _pivots(squares, noise, shares, seed)
    known = {effect: variance(squares, effect, shares.shape, noise) for effect in squares}
    drawn = {effect: variance(pivots.squares, effect, shares.shape, pivots.noise) for effect in squares}

    def spread(*effect: int) -> Estimate | None:
        if effect not in squares:
            return None
        low, high = np.percentile(_root(drawn[effect]), _TAILS)
        return Estimate(float(_root(known[effect])), float(low), float(high))

    gain = design.mean_gain((np.arange(shares.shape[0]), np.arange(shares.shape[1])))
    answers = None
    if within is not None:
        answers = _interval_of_root(within.mean() / documents, design.weights @ within / documents**2)
    return Split(
        gain,
        _beyond(gain.value, drawn, pivots, shares) if max(shares.shape[:2]) > 1 else None,
        spread(_MODELS),
        spread(_PROMPTS),
        spread(_MODELS, _PROMPTS),
        _by_documents(design, noise, within),
        answers,
    )


def mean_squares(table: Floats, samples: int) -> dict[Effect, Floats]:
    """Return the mean squares of a table of means of `samples` answers, by effect; axes with one entry have none.

    >>> {effect: float(square) for effect, square in mean_squares(np.array([[[1.0, 3.0]], [[5.0, 9.0]]]), 1).items()}
    {(0,): 25.0, (2,): 9.0, (0, 2): 1.0}
    """
    active = [axis for axis, size in enumerate(table.shape) if size > 1]
    means = {
        effect: table.mean(axis=tuple(axis for axis in range(table.ndim) if axis not in effect), keepdims=True)
        for effect in ((), *_effects(active))
    }
    found: dict[Effect, Floats] = {}
    for effect in _effects(active):
        own = sum(
            ((-1) ** (len(effect) - len(part)) * means[part] for part in ((), *_effects(effect))),
            np.zeros(()),
        )
        repeated = samples * table.size / own.size
        freedom = np.prod([table.shape[axis] - 1 for axis in effect])
        found[effect] = np.asarray(repeated * np.square(own).sum() / freedom)
    return found


def variance(
    squares: Mapping[Effect, Floats], effect: Effect, shape: tuple[int, ...], noise: float | Floats | None
) -> Floats:
    """Return the variance of an effect: the expectations of mean squares solved for it, which can be below 0.

    `shape`: models, prompts, samples, documents. `noise`: the variance of answers, None if there is one each.
    """
    sizes = (shape[0], shape[1], shape[3])
    larger = [other for other in squares if set(effect) <= set(other)]
    found = sum(((-1) ** (len(other) - len(effect)) * squares[other] for other in larger), np.zeros(()))
    if larger == [effect] and noise is not None:
        found = found - noise
    others = shape[2] * np.prod([size for axis, size in enumerate(sizes) if axis not in effect])
    return np.asarray(found / others, np.float64)


@dataclass(frozen=True, slots=True)
class _Pivots:
    """Draws of mean squares as they may be in truth, of the variance of answers, and standard normal numbers."""

    squares: dict[Effect, Floats]
    noise: Floats | None
    normal: Floats


def _pivots(squares: Mapping[Effect, Floats], noise: float | None, shares: Floats, seed: int) -> _Pivots:
    from scipy.special import chdtri, ndtri

    models, prompts, samples, documents = shares.shape
    sizes = (models, prompts, documents)
    uniform = (Draws(seed).below(2**32, (len(squares) + 2, _PIVOTS)) + 0.5) / 2**32

    def drawn(square: Floats | float, freedom: int, row: int) -> Floats:
        found: Floats = freedom * square / chdtri(freedom, uniform[row])
        return found

    own = {
        effect: drawn(square, int(np.prod([sizes[axis] - 1 for axis in effect])), row)
        for row, (effect, square) in enumerate(squares.items())
    }
    freedom = models * prompts * documents * (samples - 1)
    return _Pivots(own, None if noise is None else drawn(noise, freedom, -2), ndtri(uniform[-1]))


def _beyond(mean: float, variances: Mapping[Effect, Floats], pivots: _Pivots, shares: Floats) -> Estimate:
    """Return the mean with its interval for other models and prompts: never more certain than for these alone."""
    sizes = (shares.shape[0], shares.shape[1], shares.shape[3])
    parts = {effect: own / np.prod([sizes[axis] for axis in effect]) for effect, own in variances.items()}
    answers = 0.0 if pivots.noise is None else pivots.noise / shares.size
    documents = sum((np.maximum(own, 0.0) for effect, own in parts.items() if _DOCUMENTS in effect), np.zeros(()))
    total = np.maximum(sum(parts.values(), np.zeros(())), documents) + answers
    return _interval(mean, mean + pivots.normal * np.sqrt(total))


def _by_documents(design: Crossed, noise: float | None, within: Floats | None) -> Estimate:
    """Return the standard deviation of a cell's gain by documents, without that by answers where it is known."""
    table = design.shares.mean(axis=2)
    samples, documents = design.shares.shape[2:]
    flat = table.reshape(-1, documents)
    correction = documents / (documents - 1)
    own = correction * flat.var(axis=1).mean() - (noise or 0.0) / samples
    weights = design.weights / documents
    spread = (weights @ np.square(flat).T - np.square(weights @ flat.T)).mean(axis=1) * correction
    if within is not None:
        spread = spread - weights @ within / samples
    return _interval_of_root(own / documents, spread / documents)


def _effects(axes: list[int] | Effect) -> Iterator[Effect]:
    for count in range(1, len(axes) + 1):
        yield from combinations(axes, count)


def _f1(totals: Ints) -> Floats:
    return f1_ratios(totals.reshape(-1, 3)).values().reshape(totals.shape[:-1])


def _root(value: Floats | float) -> Floats:
    return np.sqrt(np.maximum(value, 0.0))


def _interval(value: float, drawn: Floats) -> Estimate:
    low, high = np.percentile(drawn, _TAILS)
    return Estimate(value, float(low), float(high))


def _interval_of_root(value: float, drawn: Floats) -> Estimate:
    return _interval(float(_root(value)), _root(drawn))
