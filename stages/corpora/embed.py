"""Embeddings of documents for pilot sampling. They see texts only, never gold."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stages.contracts import Document
from stages.corpora.sentences import MINILM, sentence_vectors
from stages.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TFIDF = "tfidf"
SENTENCE_TRANSFORMERS = "sentence-transformers:"
DIMENSIONS = 64  # of TF-IDF after SVD: enough to tell topics apart, small enough for 100,000 documents


def check_embedder(embedder: str) -> None:
    """Refuse an embedder that is none of "tfidf", "minilm" and "sentence-transformers:<model>" with a UserError."""
    if embedder in (TFIDF, MINILM):
        return
    if not embedder.removeprefix(SENTENCE_TRANSFORMERS):
        raise UserError(f"embedder {embedder!r} names no model; write {SENTENCE_TRANSFORMERS}<model>")
    if not embedder.startswith(SENTENCE_TRANSFORMERS):
        raise UserError(f"unknown embedder {embedder!r}; allowed: {TFIDF}, {MINILM}, {SENTENCE_TRANSFORMERS}<model>")


def embed(documents: Sequence[Document], embedder: str, seed: int) -> NDArray[np.float64]:
    """One row of unit length for each document (a row of zeros if the embedder sees nothing in it).

    "tfidf" weighs lower-cased tokens (sublinear term frequency) and reduces them to 64 dimensions by
    truncated SVD; "minilm" embeds sentences, as the paper does, with weights on this machine;
    "sentence-transformers:<model>" does with that package.

    Raises:
        UserError: the embedder is unknown, or its package or weights are not on this machine.
    """
    check_embedder(embedder)
    if embedder == TFIDF:
        return _unit(_tfidf(documents, seed))
    if embedder == MINILM:
        return _unit(sentence_vectors([document.text for document in documents]))
    try:
        package = importlib.import_module("sentence_transformers")
    except ImportError:
        raise UserError(f"embedder {embedder!r} needs a package: pip install sentence-transformers") from None
    model = package.SentenceTransformer(embedder.removeprefix(SENTENCE_TRANSFORMERS), device="cpu")
    return _unit(model.encode([document.text for document in documents], show_progress_bar=False))


def _tfidf(documents: Sequence[Document], seed: int) -> Any:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=_lower_tokens, sublinear_tf=True)
    weights = vectorizer.fit_transform(documents)
    if min(weights.shape) <= DIMENSIONS + 1:
        return weights.toarray()
    return TruncatedSVD(DIMENSIONS, n_iter=4, random_state=seed).fit_transform(weights)


def _lower_tokens(document: Document) -> list[str]:
    return [token.lower() for token in document.tokens]


def _unit(vectors: Any) -> NDArray[np.float64]:
    import numpy as np

    rows = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    # Rounded, so that the last bits of another machine's arithmetic do not choose other documents.
    return np.round(rows / np.where(lengths == 0.0, 1.0, lengths), 6)
