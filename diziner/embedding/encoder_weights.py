"""Weights of a BERT encoder on grids, with a proof that every sum over them is exact.

How fine each grid can be follows from how large its sums can get. That is bounded here once, for all texts: a
row of numbers after layer normalisation has at most a known length, so the parts of a product with it sum to at
most that length times a weight row's (Cauchy and Schwarz), and so on through the layers. Weights that are too
large for their grid are refused when they are read; no text can then make a sum inexact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diziner.common.errors import UserError
from diziner.embedding.fixed_point import EXACT, SLACK, Reals, require, to_grid

HEAD = 32  # numbers an attention head works on

# How fine: multiples of 2**-bits. With a weight's and an activation's bits together, sums stay below 2**53.
ACTIVATION = 20
NORMED_WEIGHT = 25  # of products with a normalised row, whose length is small
MIXING_WEIGHT = 23
WIDENED = 19  # activations after GELU, and the weights they meet: the longest sums
NARROWING_WEIGHT = 22
QUERY = 18  # queries and keys; their products decide attention
SHARE = 24  # attention of one token to another, between 0 and 1
BEFORE_NORM = 30
SQUARED = 17  # what variances are taken of
SQUARED_WORDS = 26  # the same for the sums of embeddings, which are small
POOLED = 24  # a document's mean, squared for its length
# A smaller variance counts as this, or rounding to SQUARED could make a row longer by more than SLACK; texts give
# 0.002 and more.
LEAST_VARIANCE = 2.0**-20
_WHOLE = 2.0**63  # int64, in which squares are summed
_GELU = 1000.0  # where the approximation of GELU is proved


class Norm(NamedTuple):
    """A layer normalisation: `scale` and `shift` of shape (width,); variances are taken of multiples of 2**-bits."""

    scale: Reals
    shift: Reals
    bits: int


class Product(NamedTuple):
    """A linear layer: `weights` of shape (out, in) on a grid, and `bias` of shape (out,)."""

    weights: Reals
    bias: Reals


class Layer(NamedTuple):
    """A transformer layer. `attend` gives queries, keys and values side by side."""

    attend: Product
    mix: Product
    mixed: Norm
    widen: Product
    narrow: Product
    done: Norm


class Encoder(NamedTuple):
    """All of an encoder: embeddings of `words` (vocabulary, width), as stored, and of `places` (positions, width),
    to which that of the token type is added; the normalisation of their sum; the layers."""

    words: NDArray[np.float32]
    places: Reals
    start: Norm
    layers: tuple[Layer, ...]


def encoder_from(tensors: Mapping[str, NDArray[Any]]) -> Encoder:
    """Build an encoder from arrays by the names that BERT models give them.

    Errors: UserError for a missing array, or weights for which exact sums cannot be proved.
    """

    def stored(name: str) -> NDArray[Any]:
        if name not in tensors:
            raise UserError(f"the weights are no BERT encoder: they have no {name}")
        return tensors[name]

    def get(name: str) -> Reals:
        return stored(name).astype(np.float64)

    def norm(name: str, bits: int) -> Norm:
        return Norm(get(f"{name}.LayerNorm.weight"), get(f"{name}.LayerNorm.bias"), bits)

    def product(names: list[str], bits: int) -> Product:
        weights = np.concatenate([get(f"{name}.weight") for name in names])
        return Product(to_grid(weights, bits), np.concatenate([get(f"{name}.bias") for name in names]))

    words = stored("embeddings.word_embeddings.weight")
    places = get("embeddings.position_embeddings.weight") + get("embeddings.token_type_embeddings.weight")[0]
    start = norm("embeddings", SQUARED_WORDS)
    _prove_norm("embeddings", start, _length(np.abs(words).max(axis=0)) + _length(np.abs(places).max(axis=0)))
    before = start
    layers: list[Layer] = []
    while f"{(name := f'encoder.layer.{len(layers)}')}.output.dense.weight" in tensors:
        heads = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        layer = Layer(
            product(heads, NORMED_WEIGHT),
            product([f"{name}.attention.output.dense"], MIXING_WEIGHT),
            norm(f"{name}.attention.output", SQUARED),
            product([f"{name}.intermediate.dense"], NORMED_WEIGHT),
            product([f"{name}.output.dense"], NARROWING_WEIGHT),
            norm(f"{name}.output", SQUARED),
        )
        _prove(name, before, layer)
        before = layer.done
        layers.append(layer)
    require(_normed_length(before) * len(places) * 2.0**ACTIVATION, EXACT, "pooling: mean")
    require(_normed_length(before) ** 2 * 4.0**POOLED, _WHOLE, "pooling: length")
    return Encoder(words, places, start, tuple(layers))


def _prove(name: str, before: Norm, layer: Layer) -> None:
    """Bound every sum in a layer whose input comes from the normalisation `before`."""
    query, key, value = np.split(_after_norm(f"{name}.attention.self", before, layer.attend), 3)
    scores = (query * key).reshape(-1, HEAD).sum(axis=1)
    require(float(scores.max()) * 2.0 ** (2 * QUERY), EXACT, f"{name}: attention")
    require(float(value.max()) * 2.0 ** (SHARE + ACTIVATION), EXACT, f"{name}: attention to values")
    mixed = _absolute(f"{name}.attention.output", value, layer.mix, ACTIVATION + MIXING_WEIGHT)
    _prove_norm(f"{name}.attention.output", layer.mixed, _length(mixed) + _normed_length(before))
    wide = _after_norm(f"{name}.intermediate", layer.mixed, layer.widen)
    require(float(wide.max()), _GELU, f"{name}.intermediate: GELU")
    narrow = _absolute(f"{name}.output", wide, layer.narrow, WIDENED + NARROWING_WEIGHT)
    _prove_norm(f"{name}.output", layer.done, _length(narrow) + _normed_length(layer.mixed))


def _after_norm(name: str, norm: Norm, product: Product) -> Reals:
    """Return how large each output of a product with normalised rows can get."""
    width = len(norm.scale)
    sums = float(np.sqrt((product.weights**2).sum(axis=1)).max()) * _normed_length(norm)
    require(sums * 2.0 ** (ACTIVATION + NORMED_WEIGHT), EXACT, name)
    around = np.sqrt(((product.weights * norm.scale) ** 2).sum(axis=1) * width)
    outputs: Reals = SLACK * around + np.abs(product.weights @ norm.shift + product.bias)
    return outputs


def _absolute(name: str, inputs: Reals, product: Product, bits: int) -> Reals:
    """Return how large each output can get whose inputs are bounded one by one."""
    sums = np.abs(product.weights) @ inputs
    require(float(sums.max()) * 2.0**bits, EXACT, name)
    outputs: Reals = sums + np.abs(product.bias)
    return outputs


def _prove_norm(name: str, norm: Norm, length: float) -> None:
    """Bound the sums of a normalisation of rows of at most that length."""
    require(length * float(np.sqrt(len(norm.scale))) * 2.0**BEFORE_NORM, EXACT, f"{name}: mean")
    require(length**2 * 4.0**norm.bits, _WHOLE, f"{name}: variance")


def _normed_length(norm: Norm) -> float:
    return float(np.abs(norm.scale).max() * np.sqrt(len(norm.scale))) + _length(norm.shift)


def _length(numbers: Reals) -> float:
    return float(np.sqrt((numbers**2).sum()))
