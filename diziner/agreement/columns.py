"""The distinct columns of the code matrix.

Whatever an analysis says about one token depends only on who gave which label there. The same few
patterns recur (most often: everybody says O), so measures are computed once per pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diziner.agreement.encoding import Codes, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """U distinct columns: `codes` is A x U, `counts` their frequency, `index` each token's pattern (T).

    `missing` is the code that stands for no label. Some counts may be zero.
    """

    codes: Codes
    counts: Ints
    index: NDArray[np.intp]
    missing: int


def find_patterns(codes: Codes, missing: int) -> Patterns:
    """Return the distinct columns of an A x T matrix of codes up to `missing`; no column is missing throughout.

    Columns that are the same in every row need no sorting: pattern k, for k < `missing`, is "all say k".

    >>> found = find_patterns(np.array([[0, 1, 0], [0, 0, 0]], np.uint8), missing=3)
    >>> found.codes[:, found.index].tolist(), found.counts.tolist()
    ([[0, 1, 0], [0, 0, 0]], [2, 0, 0, 1])
    """
    index = codes[0].astype(np.intp)
    mixed = np.flatnonzero((codes[1:] != codes[0]).any(axis=0))
    uniform = np.broadcast_to(np.arange(missing, dtype=codes.dtype), (len(codes), missing))
    columns = codes[:, mixed]
    keys = np.zeros(len(mixed), np.int64)
    bound, radix = 1, missing + 1
    for row in columns:
        if bound > (1 << 62) // radix:
            found, keys = np.unique(keys, return_inverse=True)
            bound = len(found)
        keys = keys * radix + row
        bound *= radix
    found, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    index[mixed] = inverse + missing
    return Patterns(
        codes=np.concatenate([uniform, columns[:, first]], axis=1),
        counts=np.bincount(index, minlength=missing + len(found)).astype(np.int64),
        index=index,
        missing=missing,
    )


def label_mass(codes: Codes, weights: Floats, labels: int) -> Floats:
    """Return the weight per label in each column: labels x U, codes >= `labels` left out.

    >>> label_mass(np.array([[0, 2], [1, 2]], np.uint8), np.array([0.75, 0.25]), 2).tolist()
    [[0.75, 0.0], [0.25, 0.0]]
    """
    columns = codes.shape[1]
    cells = codes * np.intp(columns) + np.arange(columns)
    shares = np.repeat(weights, columns)
    mass = np.bincount(cells.ravel(), weights=shares, minlength=labels * columns).astype(np.float64, copy=False)
    return mass[: labels * columns].reshape(labels, columns)


def normalised(mass: Floats) -> Floats:
    """Return each column divided by its sum; columns that sum to zero stay zero.

    >>> normalised(np.array([[1.0, 0.0], [3.0, 0.0]])).tolist()
    [[0.25, 0.0], [0.75, 0.0]]
    """
    total = mass.sum(axis=0)
    shares: Floats = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    return shares
