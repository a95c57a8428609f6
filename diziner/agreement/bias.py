"""Bias of annotators: how each departs from the consensus, and which types they take for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diziner.agreement.encoding import Codes, Corpus, Ints, io_codes


@dataclass(frozen=True, slots=True)
class AnnotatorBias:
    """One annotator against a reference, over the tokens of documents that it answered.

    `agreement_rate` is the share of tokens with the reference's BIO label (1.0 without tokens).
    `coalition_rate` is the share of tokens for which it is in the coalition; as the coalition is the same
    everywhere, 1.0 or 0.0. `over_tagging` is its number of entity tokens less the reference's,
    `type_bias` the same per type; they add up to `over_tagging`.
    """

    agreement_rate: float
    coalition_rate: float
    over_tagging: int
    type_bias: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Tokens by pair of types, O first, B and I put aside; every matrix is square in order of `labels`.

    `consensus[annotator][i][j]`: tokens with consensus label i that the annotator gave label j.
    `between[i][j]`: the same summed over all ordered pairs of annotators, so it is symmetric.
    Only tokens that both sides labelled count.
    """

    labels: tuple[str, ...]
    consensus: Mapping[str, tuple[tuple[int, ...], ...]]
    between: tuple[tuple[int, ...], ...]


def annotator_biases(corpus: Corpus, reference: Codes, coalition: Sequence[str]) -> dict[str, AnnotatorBias]:
    """Return each annotator's bias against BIO codes (T) of a reference."""
    found = {}
    usual = _per_type(reference, corpus)
    for name, own, answered in zip(corpus.annotators, corpus.codes, corpus.answered, strict=True):
        if answered.all():
            tokens, difference = len(own), _per_type(own, corpus) - usual
        else:
            labelled = own != corpus.missing
            tokens = int(labelled.sum())
            difference = _per_type(own[labelled], corpus) - _per_type(reference[labelled], corpus)
        same = int(np.count_nonzero(own == reference))
        found[name] = AnnotatorBias(
            agreement_rate=same / tokens if tokens else 1.0,
            coalition_rate=float(name in coalition),
            over_tagging=int(difference.sum()),
            type_bias=dict(zip(corpus.types, difference.tolist(), strict=True)),
        )
    return found


def _per_type(codes: Codes, corpus: Corpus) -> Ints:
    return np.bincount(io_codes(codes), minlength=len(corpus.types) + 1)[1:].astype(np.int64)


def type_confusion(corpus: Corpus, reference: Codes, tables: Ints) -> Confusion:
    """Return confusion against a reference (T codes), and between annotators from their contingency tables."""
    size = len(corpus.types) + 1
    radix = size + 1
    truth = io_codes(reference).astype(np.intp) * radix
    against = {}
    for name, own in zip(corpus.annotators, corpus.codes, strict=True):
        counts = np.bincount(truth + io_codes(own), minlength=radix * radix)[: radix * radix]
        against[name] = _rows(counts.reshape(radix, radix)[:size, :size])
    group = io_codes(np.arange(2 * size - 1, dtype=np.uint16)).astype(np.intp)
    total = tables.sum(axis=0)
    cells = (group[:, None] * size + group).ravel()
    # Float weights are exact here: counts stay far below 2^53.
    ordered = np.bincount(cells, weights=total.ravel(), minlength=size * size).astype(np.int64)
    one_way = ordered.reshape(size, size)
    return Confusion(("O", *corpus.types), against, _rows(one_way + one_way.T))


def _rows(matrix: Ints) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
