"""k-means on vectors of whole numbers: the same clusters on every machine.

Vectors are documents of length 2^20 (or 0). Every sum is of whole numbers, so that neither the order of summation
nor the processor shows: sparse vectors are multiplied in int64, dense ones in float64 as whole numbers. Of both
the products' absolute values add up to 2^41 at most (Cauchy-Schwarz): whatever the order, no partial sum is rounded.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from diziner.embedding.tfidf import BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Vectors = Any  # csr_array of int64, or NDArray[np.float64] of whole numbers; a row a document

STARTS = 4  # k-means is begun anew so many times, the best clusters win
STEPS = 50  # at the most, of each
SAMPLE = 5_000  # documents that clusters are made from; the others of a larger pool only join them


class Clusters(NamedTuple):
    """k `centres`, each of length 2^20, and the `similarity` of N documents to each: N x k, in units of 2^-40."""

    centres: Ints
    similarity: Ints

    @property
    def labels(self) -> Ints:
        """Each document's cluster: the most similar centre, of equals the first."""
        found: Ints = self.similarity.argmax(axis=1)
        return found


def products(vectors: Vectors, others: Ints) -> Ints:
    """Return the inner products of N documents with k vectors (k x D), N x k."""
    if isinstance(vectors, np.ndarray):
        return (vectors @ others.T.astype(np.float64)).astype(np.int64)
    found: Ints = vectors @ np.ascontiguousarray(others.T)
    return found


def rows(vectors: Vectors, chosen: list[int]) -> Ints:
    """Return some documents' vectors as a dense matrix of whole numbers."""
    found = vectors[chosen]
    dense: Ints = found.astype(np.int64) if isinstance(found, np.ndarray) else found.toarray()
    return dense


def cluster(vectors: Vectors, size: int, seed: int) -> Clusters:
    """Cluster documents by cosine into `size` clusters, some of which may stay empty.

    Spherical k-means: k-means++ starts, at most STEPS steps each; of STARTS results the one with the greatest sum
    of similarities to the own centre, of equals the first. Made from a sample of SAMPLE documents of a larger pool.
    """
    source = random.Random(seed)
    count = vectors.shape[0]
    part = vectors if count <= SAMPLE else vectors[sorted(source.sample(range(count), SAMPLE))]
    found = (_converged(part, _starting_centres(part, size, source)) for _ in range(STARTS))
    best = max(found, key=lambda clusters: int(clusters.similarity.max(axis=1).sum()))
    return best if part is vectors else Clusters(best.centres, products(vectors, best.centres))


def _starting_centres(vectors: Vectors, size: int, source: random.Random) -> Ints:
    """Choose as k-means++ does: each next centre is a document, drawn by its distance to the nearest one so far."""
    count = vectors.shape[0]
    chosen = [source.randrange(count)]
    distance = np.full(count, 1 << (2 * BITS), np.int64)
    while len(chosen) < size:
        similar = products(vectors, rows(vectors, chosen[-1:]))[:, 0]
        distance = np.minimum(distance, np.maximum((1 << (2 * BITS)) - similar, 0))
        upto = np.cumsum(distance)
        if not upto[-1]:  # all documents are alike
            chosen += [source.randrange(count) for _ in range(size - len(chosen))]
        else:
            chosen.append(int(np.searchsorted(upto, source.randrange(int(upto[-1])), side="right")))
    return rows(vectors, chosen)


def _converged(vectors: Vectors, centres: Ints) -> Clusters:
    found = Clusters(centres, products(vectors, centres))
    labels = found.labels
    for _ in range(STEPS):
        centres = _centres(vectors, labels, found.centres)
        found = Clusters(centres, products(vectors, centres))
        before, labels = labels, found.labels
        if (labels == before).all():
            break
    return found


def _centres(vectors: Vectors, labels: Ints, before: Ints) -> Ints:
    """Return the members' mean of each cluster, scaled to length 2^20; an empty cluster keeps its centre."""
    from scipy.sparse import csr_array

    count = vectors.shape[0]
    belongs = csr_array((np.ones(count, np.int64), (labels, np.arange(count))), shape=(len(before), count))
    sums = belongs @ vectors
    dense: Ints = sums.astype(np.int64) if isinstance(sums, np.ndarray) else sums.toarray()
    members = np.bincount(labels, minlength=len(before))
    means = dense // np.maximum(members, 1)[:, None]
    lengths = np.array([math.isqrt(square) for square in (means * means).sum(axis=1).tolist()])[:, None]
    return np.where(lengths > 0, (means << BITS) // (lengths + 1), before)
