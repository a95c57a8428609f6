"""TF-IDF of documents in whole numbers: the same vectors on every machine.

Logarithms are those of whole numbers, taken exactly: floor(1024 log2 n) is the number of bits of n^1024 less one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
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

    A token's weight is (1 + ln tf) (1 + ln((N + 1) / (df + 1))), each factor in steps of 1/1477 rounded down, for
    its tf occurrences in the document and the df of N documents that have it. Rows are then scaled to length 2^20
    and rounded down.
    """
    import numpy as np
    from scipy.sparse import csr_array

    counts = [Counter(token.lower() for token in document.tokens) for document in documents]
    frequency = Counter(token for own in counts for token in own)
    columns = {token: column for column, token in enumerate(frequency)}
    idf = {
        token: _ONE + _steps(len(documents) + 1) - _steps(documents_with + 1)
        for token, documents_with in frequency.items()
    }
    starts, indices, weights = [0], [], []
    for own in counts:
        row = [(_ONE + _steps(times)) * idf[token] >> _FINER for token, times in own.items()]
        length = math.isqrt(sum(weight * weight for weight in row)) + 1
        indices += [columns[token] for token in own]
        weights += [(weight << BITS) // length for weight in row]
        starts.append(len(indices))
    parts: tuple[Any, ...] = (np.array(weights, np.int64), np.array(indices, np.int64), np.array(starts, np.int64))
    return csr_array(parts, shape=(len(documents), len(columns)))


@cache
def _steps(number: int) -> int:
    """Return floor(1024 log2 number), for a number of at least 1.

    >>> _steps(1), _steps(2), _steps(3)
    (0, 1024, 1623)
    """
    return int(number**_STEPS).bit_length() - 1
