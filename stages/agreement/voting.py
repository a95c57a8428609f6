"""The consensus by given weights, outside a round's analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stages.agreement.consensus import spans_of, vote
from stages.agreement.encoding import encode
from stages.agreement.patterns import find_patterns
from stages.contracts import Annotation, Document, Span
from stages.exact import as_written


def weighted_consensus(
    documents: Sequence[Document],
    annotations: Mapping[str, Sequence[Annotation]],
    types: Sequence[str],
    weights: Mapping[str, float],
) -> dict[str, tuple[Span, ...]]:
    """Spans by document id: the weighted majority over types of each token (method section 4), ties to O.

    `weights` maps annotator -> weight, at least 0, taken as the decimal that it is written as; they are
    renormalised among those that answered a document.
    A document that nobody answered has no entry.
    Errors: UserError, see `stages.agreement.encoding.encode`.
    """
    corpus = encode(documents, annotations, types)
    patterns = find_patterns(corpus.codes, corpus.missing)
    order = [as_written(weights[name]) for name in corpus.annotators]
    return spans_of(vote(patterns, order, corpus.offsets), corpus)
