"""TF-IDF of documents in whole numbers: the same vectors on every machine.

Logarithms are those of whole numbers, taken exactly: floor(1024 log2 n) is the number of bits of n^1024 less one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from diziner.records.documents import Document

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BITS = 20  # a vector is 2^20 long
_STEPS = 1024  # of a logarithm to base 2, from one power of two to the next
_ONE = 1477  # 1 / ln 2 in these steps: what stands for 1 beside natural logarithms
_FINER = 8  # bits of a product of two such logarithms that are left out: squares of a row add up below 2^63


def tfidf(documents: Sequence[Document]) -> csr_array:
    """Weigh lower-cased tokens: one sparse row a document, as long as 2^20 (0 without tokens), of whole numbers.

    The weights are those of `token_weights`.
    """
    import numpy as np
    from scipy.sparse import csr_array

    columns: dict[str, int] = {}
    starts, indices, weights = [0], list[int](), list[int]()
    for own in token_weights(documents):
        indices += [columns.setdefault(token, len(columns)) for token in own]
        weights += own.values()
        starts.append(len(indices))
    parts: tuple[Any, ...] = (np.array(weights, np.int64), np.array(indices, np.int64), np.array(starts, np.int64))
    return csr_array(parts, shape=(len(documents), len(columns)))


def token_weights(documents: Sequence[Document]) -> Iterator[dict[str, int]]:
    """Yield the weights of each document's lower-cased tokens, in order of their first place.

    A token's weight is (1 + ln tf) (1 + ln((N + 1) / (df + 1))), each factor in steps of 1/1477 rounded down, for
    its tf occurrences in the document and the df of N documents that have it. They are then scaled to a length of
    2^20 and rounded down.
    """
    counts = [Counter(token.lower() for token in document.tokens) for document in documents]
    frequency = Counter(token for own in counts for token in own)
    idf = {
        token: _ONE + _steps(len(documents) + 1) - _steps(documents_with + 1)
        for token, documents_with in frequency.items()
    }
    for own in counts:
        row = [(_ONE + _steps(times)) * idf[token] >> _FINER for token, times in own.items()]
        length = math.isqrt(sum(weight * weight for weight in row)) + 1
        yield {token: (weight << BITS) // length for token, weight in zip(own, row, strict=True)}


@cache
def _steps(number: int) -> int:
    """Return floor(1024 log2 number), for a number of at least 1.

    >>> _steps(1), _steps(2), _steps(3)
    (0, 1024, 1623)
    """
    return int(number**_STEPS).bit_length() - 1
