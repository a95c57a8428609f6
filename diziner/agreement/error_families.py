"""Error families: each disagreement with the consensus stands in exactly one.

The unit is a pair of annotator and token whose BIO label differs from the consensus's. Its family:
Span_Error where the same type is meant with other bounds, that is both labels have one type, or one of
them is O and its counterpart's span overlaps a span of the same type on the other side; else O_to_Ent,
Ent_to_O or Ent_to_Ent by the two types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diziner.agreement.encoding import Codes, Corpus, Ints, Mask, io_codes

FAMILIES = ("O_to_Ent", "Ent_to_O", "Ent_to_Ent", "Span_Error")


@dataclass(frozen=True, slots=True, eq=False)
class Disagreements:
    """N disagreeing pairs of annotator and token as columns; `group` encodes the subtype.

    With K types and radix K+1, group is `consensus type * radix + own type`, or `radix^2 + type` for bounds.
    """

    annotator: Ints
    token: Ints
    group: Ints

    def only(self, keep: Mask) -> Disagreements:
        """Return the pairs where `keep` is true."""
        return Disagreements(self.annotator[keep], self.token[keep], self.group[keep])


def find_disagreements(corpus: Corpus, consensus: Codes) -> Disagreements:
    """Return every answered label that differs from the consensus (T codes), by annotator and token."""
    truth = io_codes(consensus)
    truth_span = span_number(consensus)
    columns: list[tuple[Ints, Ints, Ints]] = []
    for number, own in enumerate(corpus.codes):
        differing = np.flatnonzero((own != consensus) & (own != corpus.missing))
        types = io_codes(own)
        shared = np.flatnonzero((types == truth) & (truth > 0))
        own_span = span_number(own)
        own_overlaps, truth_overlaps = _marked(own_span, shared), _marked(truth_span, shared)
        mine, theirs = types[differing].astype(np.int64), truth[differing].astype(np.int64)
        bounds = mine == theirs
        bounds |= (theirs == 0) & own_overlaps[own_span[differing]]
        bounds |= (mine == 0) & truth_overlaps[truth_span[differing]]
        radix = len(corpus.types) + 1
        group = np.where(bounds, radix * radix + np.maximum(mine, theirs), theirs * radix + mine)
        columns.append((np.full(len(differing), number), differing, group))
    annotator, token, group = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Disagreements(annotator, token, group)


def span_number(codes: Codes) -> NDArray[np.int32]:
    """Return the number of the latest span that begins at or before each token; 0 before the first."""
    return np.cumsum(codes & 1, dtype=np.int32)


def _marked(span: NDArray[np.int32], tokens: NDArray[np.intp]) -> Mask:
    flags = np.zeros(int(span[-1]) + 1 if len(span) else 1, np.bool_)
    flags[span[tokens]] = True
    return flags


def own_type(groups: Ints, types: int) -> Ints:
    """Return the type that annotators give in each group of disagreements: 0 is O, k+1 the k-th of `types` types.

    >>> own_type(np.array([1, 3, 5, 11]), 2).tolist()
    [1, 0, 2, 2]
    """
    radix = types + 1
    return np.where(groups >= radix * radix, groups - radix * radix, groups % radix)


def subtype_name(group: int, types: Sequence[str]) -> tuple[str, str]:
    """Return the family and subtype of a group code.

    >>> subtype_name(1, ("LOC", "PER")), subtype_name(5, ("LOC", "PER")), subtype_name(11, ("LOC", "PER"))
    (('O_to_Ent', 'O_to_LOC'), ('Ent_to_Ent', 'LOC_to_PER'), ('Span_Error', 'PER_bounds'))
    """
    radix = len(types) + 1
    labels = ("O", *types)
    if group >= radix * radix:
        return "Span_Error", f"{labels[group - radix * radix]}_bounds"
    theirs, mine = divmod(group, radix)
    family = "O_to_Ent" if theirs == 0 else "Ent_to_O" if mine == 0 else "Ent_to_Ent"
    return family, f"{labels[theirs]}_to_{labels[mine]}"
