"""Similarity of a document to a few others by common words, in whole numbers: the same order on every machine."""

from __future__ import annotations

from collections.abc import Sequence

from diziner.embedding.tfidf import token_weights
from diziner.records.documents import Document


def similarities(document: Document, others: Sequence[Document]) -> list[int]:
    """Return the cosine of a document's TF-IDF with each of the others', in units of 2^-40.

    Word weights are those of the others and the one document, so that they are the same beside whatever documents it is
    asked about. No array library: a prompt does without.

    >>> one, other, third = (Document(text, tuple(text.split()), text) for text in ("a b", "b c", "d"))
    >>> [similar > 0 for similar in similarities(one, [other, third])]
    [True, False]
    """
    *rows, own = token_weights([*others, document])
    return [sum(weight * own.get(token, 0) for token, weight in row.items()) for row in rows]
