"""The consensus of the annotators: a weighted majority vote (method section 4)."""

from __future__ import annotations

import numpy as np

from stages.agreement.encoding import Codes, Corpus, Floats, Ints, io_codes
from stages.agreement.patterns import Patterns, label_mass, normalised
from stages.contracts import Span

TIE = 1e-9


def first_heaviest(mass: Floats) -> Codes:
    """The label of greatest weight in each column; of labels within 1e-9 of it the first one wins.

    With labels in the order O, then types by name, a tie goes to O, else to the first type by name.

    >>> first_heaviest(np.array([[0.5, 0.2], [0.5 + 1e-12, 0.4], [0.0, 0.4]])).tolist()
    [0, 1]
    """
    first: Codes = (mass >= mass.max(axis=0) - TIE).argmax(axis=0).astype(np.uint16)
    return first


def vote(patterns: Patterns, weights: Floats, offsets: Ints) -> Codes:
    """BIO codes (T) of the weighted majority over types, B and I put aside.

    Weights are renormalised among those who answered (equally where these weigh nothing). A mention
    starts where the type changes or a document begins, so adjacent mentions of one type become one.
    """
    types = io_codes(patterns.codes)
    absent = (patterns.missing + 1) // 2
    mass = normalised(label_mass(types, weights, absent))
    weightless = mass.sum(axis=0) == 0
    if weightless.any():
        mass[:, weightless] = label_mass(types[:, weightless], np.ones(len(types)), absent)
    winner = first_heaviest(mass)[patterns.index]
    begins = np.ones(len(winner), np.bool_)
    begins[1:] = winner[1:] != winner[:-1]
    begins[offsets[:-1][offsets[:-1] < len(winner)]] = True
    codes = np.where(winner > 0, 2 * winner.astype(np.int64) - begins, 0)
    return codes.astype(patterns.codes.dtype)


def spans_of(codes: Codes, corpus: Corpus) -> dict[str, tuple[Span, ...]]:
    """Spans per document id, from well-formed BIO codes (T) of the joined documents."""
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
    for number, start, end, label in rows:
        found[corpus.documents[number].id].append(Span(start, end, corpus.types[label]))
    return {name: tuple(spans) for name, spans in found.items()}
