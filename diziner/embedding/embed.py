"""Embeddings of documents for pilot sampling. They see texts only, never gold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diziner.common.errors import UserError
from diziner.embedding.minilm_files import MINILM
from diziner.embedding.sentences import sentence_vectors
from diziner.records.documents import Document

if TYPE_CHECKING:
    from diziner.embedding.clusters import Vectors

TFIDF = "tfidf"
EMBEDDERS = (TFIDF, MINILM)


def check_embedder(embedder: str) -> None:
    """Refuse, with a UserError, an embedder that is none of EMBEDDERS."""
    if embedder not in EMBEDDERS:
        raise UserError(f"unknown embedder {embedder!r}; allowed: {', '.join(EMBEDDERS)}")


def embed(documents: Sequence[Document], embedder: str) -> Vectors:
    """Embed documents in whole numbers: a row of length 2^20 for each (of zeros if the embedder sees nothing in it).

    "tfidf" weighs lower-cased tokens (sparse); "minilm" embeds sentences, as the paper does, with weights on this
    machine.

    Errors: UserError for an unknown embedder, and for weights that are not on this machine.
    """
    check_embedder(embedder)
    if embedder == MINILM:
        return sentence_vectors([document.text for document in documents]).astype("f8")
    from diziner.embedding.tfidf import tfidf

    return tfidf(documents)
