"""Sentence embeddings in fixed point: a BERT encoder in NumPy that gives the same bits on every machine.

The encoder of all-MiniLM-L6-v2 as sentence-transformers runs it (mean of the last layer's tokens, unit length),
with every sum over whole multiples of a grid (`fixedpoint`, `encoderweights`). Vectors then choose the same
documents whatever BLAS, processor, number of threads or batch they were computed with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diziner.embedding.encoder_weights import (
    ACTIVATION,
    BEFORE_NORM,
    HEAD,
    LEAST_VARIANCE,
    POOLED,
    QUERY,
    SHARE,
    WIDENED,
    Encoder,
    Layer,
    Norm,
)
from diziner.embedding.fixed_point import Reals, exp_negative, gelu, sum_of_squares, to_grid

STEPS = 20  # a vector's numbers are whole: 2**20 times those of a vector of unit length
_TOKENS = 1024  # about as many in one go: enough for BLAS to be fast, few enough for memory
_ROWS = 16  # GELU's intermediate results of so many tokens stay in the processor's cache
_EXP = 30  # bits of exp before it is divided by its sum
_EPSILON = 1e-12  # the model's own


class _Run(NamedTuple):
    """Documents of one length that lie one after the other: rows `start` to `stop`."""

    start: int
    stop: int
    documents: int


def encode(encoder: Encoder, documents: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Encode documents of token numbers, each into one vector: shape (documents, width), length about 2**20.

    A vector depends on its own document alone. Documents have one token or more, and at most as many as the
    encoder has places.
    """
    vectors = np.empty((len(documents), len(encoder.start.scale)), np.int64)
    for chosen in _batches([len(document) for document in documents]):
        vectors[chosen] = _encode_batch(encoder, [documents[index] for index in chosen])
    return vectors


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield document numbers by length, in batches of about `_TOKENS`."""
    batch: list[int] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and tokens + lengths[index] > _TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += lengths[index]
    if batch:
        yield batch


def _encode_batch(encoder: Encoder, documents: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the vectors of documents that are sorted by length. Rows of `hidden` are the tokens of all of them."""
    runs, start = [], 0
    for length, group in itertools.groupby(map(len, documents)):
        count = sum(1 for _ in group)
        runs.append(_Run(start, start + count * length, count))
        start += count * length
    places = np.concatenate([np.arange(len(document)) for document in documents])
    hidden = encoder.words[np.concatenate(documents)].astype(np.float64)
    hidden = _normalise(hidden + encoder.places[places], encoder.start)
    for layer in encoder.layers:
        hidden = _layer(layer, hidden, runs)
    return np.concatenate([_pool(hidden[run.start : run.stop], run.documents) for run in runs])


def _layer(layer: Layer, hidden: Reals, runs: Sequence[_Run]) -> Reals:
    width = hidden.shape[1]
    attend = hidden @ layer.attend.weights.T
    attend += layer.attend.bias
    to_grid(attend[:, : 2 * width], QUERY)
    to_grid(attend[:, 2 * width :], ACTIVATION)
    seen = np.empty_like(hidden)
    for run in runs:
        seen[run.start : run.stop] = _attention(attend[run.start : run.stop], run.documents)
    mixed = to_grid(seen, ACTIVATION) @ layer.mix.weights.T
    mixed += layer.mix.bias
    hidden = _normalise(mixed + hidden, layer.mixed)
    wide = hidden @ layer.widen.weights.T
    wide += layer.widen.bias
    for start in range(0, len(wide), _ROWS):
        to_grid(gelu(wide[start : start + _ROWS]), WIDENED)
    narrow = wide @ layer.narrow.weights.T
    narrow += layer.narrow.bias
    return _normalise(narrow + hidden, layer.done)


def _attention(attend: Reals, documents: int) -> Reals:
    """Return what each token takes from those of its document: shape (rows, width) from (rows, 3 width)."""
    width = attend.shape[1] // 3
    heads = attend.reshape(documents, -1, 3, width // HEAD, HEAD).transpose(2, 0, 3, 1, 4)
    query, key, value = heads
    scores = query @ key.swapaxes(-1, -2)
    scores *= 1 / math.sqrt(HEAD)
    shares = exp_negative(scores.max(axis=-1, keepdims=True) - scores)
    shares = to_grid(shares, _EXP)
    shares /= shares.sum(axis=-1, keepdims=True)
    seen: Reals = to_grid(shares, SHARE) @ value
    return seen.transpose(0, 2, 1, 3).reshape(len(attend), width)


def _normalise(rows: Reals, norm: Norm) -> Reals:
    """Normalise rows, in place: layer normalisation."""
    to_grid(rows, BEFORE_NORM)
    rows -= rows.sum(axis=1, keepdims=True) / rows.shape[1]
    variance = sum_of_squares(rows, norm.bits) / rows.shape[1]
    rows /= np.sqrt(np.maximum(variance, LEAST_VARIANCE) + _EPSILON)
    rows *= norm.scale
    rows += norm.shift
    return to_grid(rows, ACTIVATION)


def _pool(rows: Reals, documents: int) -> NDArray[np.int64]:
    """Return the mean of each document's rows, scaled to a length of 2**STEPS and rounded."""
    tokens = rows.reshape(documents, -1, rows.shape[1])
    mean = to_grid(tokens.sum(axis=1) / tokens.shape[1], POOLED)
    length = np.sqrt(np.maximum(sum_of_squares(mean, POOLED), _EPSILON))
    return np.rint(mean / length * 2.0**STEPS).astype(np.int64)
