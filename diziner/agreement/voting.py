"""The consensus by given weights, outside a round's analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diziner.agreement.candidates import candidates_of
from diziner.agreement.columns import find_patterns
from diziner.agreement.consensus import spans_of, vote
from diziner.agreement.encoding import encode
from diziner.agreement.settings import SPANS
from diziner.common.exact import as_written
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document


def weighted_consensus(
    documents: Sequence[Document],
    annotations: Mapping[str, Sequence[Annotation]],
    types: Sequence[str],
    weights: Mapping[str, float],
    kind: str = "io",
) -> dict[str, tuple[Span, ...]]:
    """Return spans by document id: the weighted majority over types of each token (method section 4), ties to O.

    `weights` maps annotator -> weight, at least 0, taken as the decimal that it is written as; they are
    renormalised among those that answered a document. `kind` is the setting `disagreement.consensus`: whether
    adjacent mentions of one type are merged (io) or kept apart by a vote (bio), or spans are voted for as wholes
    (spans), and may be nested.
    A document that nobody answered has no entry.
    Errors: UserError, see `diziner.agreement.encoding.encode`.
    """
    if kind == SPANS:
        candidates = candidates_of(documents, annotations, types)
        rows = {name: candidates.rows(own) for name, own in annotations.items()}
        return candidates.spans(weighted_consensus(candidates.documents, rows, types, weights, "bio"))
    corpus = encode(documents, annotations, types)
    patterns = find_patterns(corpus.codes, corpus.missing)
    order = [as_written(weights[name]) for name in corpus.annotators]
    return spans_of(vote(patterns, order, corpus.offsets, kind), corpus)
