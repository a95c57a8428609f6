"""Documents of a pilot set that the supervisor is not shown, so that its instructions can be tried on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from diziner.agreement.encoding import Corpus
from diziner.agreement.error_families import Disagreements
from diziner.records.documents import Document


def held_back(documents: Sequence[Document], count: int) -> tuple[str, ...]:
    """Return the ids of `count` documents, one at least remaining: those whose id has the lowest SHA-256. Sorted.

    So the same set of documents is parted alike in every round, in whatever order it is.
    """
    if count <= 0:
        return ()
    digests = sorted((hashlib.sha256(document.id.encode()).digest(), document.id) for document in documents)
    return tuple(sorted(name for _, name in digests[: max(0, min(count, len(documents) - 1))]))


def shown_alone(disagreements: Disagreements, corpus: Corpus, held: Sequence[str]) -> Disagreements:
    """Return the disagreements of the documents that are not held back."""
    if not held:
        return disagreements
    hidden = np.array([document.id in held for document in corpus.documents], np.bool_)
    return disagreements.only(~hidden[corpus.document_of[disagreements.token]])
