"""Consensus of the annotators: a weighted majority vote (method section 4)."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from diziner.agreement.columns import Patterns, label_mass, normalised
from diziner.agreement.encoding import Codes, Corpus, Floats, Ints, io_codes
from diziner.agreement.exact_measures import BOUND, Weights, heaviest
from diziner.records.annotations import Span


def first_heaviest(mass: Floats, types: Codes, weights: Weights) -> Codes:
    """Find the label of greatest weight in each column of `mass` (labels x U); of equals the first one.

    With labels in the order O, then types by name, a tie goes to O, else to the first type by name. `types` are
    the A x U labels that `mass` sums up; where two masses are too near to each other to tell, their exact
    `weights` decide.

    >>> from fractions import Fraction
    >>> first_heaviest(np.array([[0.5], [0.5 + 1e-12]]), np.array([[0], [1]]), [Fraction(1), Fraction(1)]).tolist()
    [0]
    """
    near = mass >= mass.max(axis=0) - 2 * BOUND
    first: Codes = near.argmax(axis=0).astype(np.uint16)
    for pattern in np.flatnonzero(near.sum(axis=0) > 1).tolist():
        first[pattern] = heaviest(types[:, pattern].tolist(), weights, len(mass))
    return first


def vote(patterns: Patterns, weights: Weights, offsets: Ints, kind: str = "io") -> Codes:
    """Find the weighted majority over types, B and I put aside, as BIO codes (T).

    Weights are renormalised among those who answered (equally where these weigh nothing). A mention starts where the
    type changes or a document begins. With `kind` "io" nowhere else, so adjacent mentions of one type become one.
    With "bio" also at a token at which those who voted for its type begin a mention by more than half of their
    weight; a tie goes on with the mention.
    """
    types = io_codes(patterns.codes)
    absent = (patterns.missing + 1) // 2
    by_pattern = _majority(types, weights, absent)
    winner = by_pattern[patterns.index]
    begins = np.ones(len(winner), np.bool_)
    begins[1:] = winner[1:] != winner[:-1]
    begins[offsets[:-1][offsets[:-1] < len(winner)]] = True
    if kind == "bio":
        # Of those who voted for the winner: 1 begins a mention, 0 goes on with one. Ties go to the lesser code.
        edges = np.where(types == by_pattern, patterns.codes & 1, 2).astype(np.uint16)
        begins |= (_majority(edges, weights, 2) == 1)[patterns.index]
    codes = np.where(winner > 0, 2 * winner.astype(np.int64) - begins, 0)
    return codes.astype(patterns.codes.dtype)


def _majority(labels: Codes, weights: Weights, absent: int) -> Codes:
    """Find the label of greatest weight in each column of A x U labels; `absent` and above are no votes.

    Votes count equally where all that were given weigh nothing.
    """
    mass = normalised(label_mass(labels, np.array([float(weight) for weight in weights]), absent))
    heaviest_of = first_heaviest(mass, labels, weights)
    weightless = mass.sum(axis=0) == 0
    if weightless.any():
        alone = labels[:, weightless]
        equal = label_mass(alone, np.ones(len(labels)), absent)
        heaviest_of[weightless] = first_heaviest(equal, alone, [Fraction(1)] * len(labels))
    return heaviest_of


def spans_of(codes: Codes, corpus: Corpus) -> dict[str, tuple[Span, ...]]:
    """Return spans per document id, from well-formed BIO codes (T) of the joined documents."""
    begins = np.flatnonzero(codes & 1)
    inside = (codes > 0) & (codes & 1 == 0)
    # A mention ends at the first later position that does not continue it.
    stops = np.flatnonzero(~inside)
    ends = np.append(stops, len(codes))[np.searchsorted(stops, begins, side="right")]
    document = np.searchsorted(corpus.offsets, begins, side="right") - 1
    shift = corpus.offsets[document]
    found: dict[str, list[Span]] = {item.id: [] for item in corpus.documents}
    rows = zip(
        document.tolist(),
        (begins - shift).tolist(),
        (ends - shift).tolist(),
        (codes[begins] >> 1).tolist(),
        strict=True,
    )
    span_of = cache(lambda start, end, label: Span(start, end, corpus.types[label]))  # few recur in most documents
    ids = [item.id for item in corpus.documents]
    for number, start, end, label in rows:
        found[ids[number]].append(span_of(start, end, label))
    return {name: tuple(spans) for name, spans in found.items()}
