"""Pilot sets: the documents of each round, chosen for lexical spread and without labels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.corpora.settings import Method, Mode
from diziner.embedding.embed import TFIDF, check_embedder, embed
from diziner.records.documents import Document

if TYPE_CHECKING:
    from diziner.embedding.clusters import Vectors

# How much more likeness to chosen documents counts than likeness to the own cluster's centre, under TF-IDF. Measured
# on 13 benchmarks (docs/LOG.md): 0 gives sets that stand for the pool better and are less diverse.
SPREAD = 4


def pilot_sets(
    documents: Sequence[Document],
    rounds: int,
    size: int,
    method: Method = "kmeans",
    mode: Mode = "fresh",
    seed: int = 42,
    embedder: str = TFIDF,
) -> tuple[tuple[Document, ...], ...]:
    """Choose one pilot set of `size` documents for each round; documents of a set are in pool order.

    "kmeans" (method section 1): embed the pool; in each round cluster what is left of it into `size`
    clusters, take from each the document nearest to its centre, and remove those. "random" draws them.
    With TF-IDF, likeness to documents that are chosen already counts against a document: the words that are
    nearest to a centre are the same commonplaces in every cluster.
    Mode "fresh" gives every round its own documents, disjoint from all others; "fixed" gives the first set to
    every round. More rounds do not change the sets of former ones.

    Raises:
        UserError: rounds or size below 1, an unknown method, mode or embedder, or a pool too small.
    """
    _check(rounds, size, method, mode, embedder)
    groups = rounds if mode == "fresh" else 1
    needed = groups * size
    if len(documents) < needed:
        raise UserError(
            f"pilot pool has {counted(len(documents), 'document')}, but {counted(groups, 'set')} of {size} need "
            f"{needed}; lower the rounds or the set size, set the mode to fixed, or add documents"
        )
    if method == "random":
        order = random.Random(seed).sample(range(len(documents)), len(documents))
        chosen = [order[group * size : (group + 1) * size] for group in range(groups)]
    else:
        spread = SPREAD if embedder == TFIDF else 0
        chosen = _medoid_groups(embed(documents, embedder), groups, size, seed, spread)
    sets = tuple(tuple(documents[index] for index in sorted(group)) for group in chosen)
    return sets if mode == "fresh" else sets * rounds


def _check(rounds: int, size: int, method: str, mode: str, embedder: str) -> None:
    for name, number in (("rounds", rounds), ("pilot set size", size)):
        if number < 1:
            raise UserError(f"{name}: {number}; it must be 1 or more")
    for name, value, allowed in (
        ("pilot method", method, ("kmeans", "random")),
        ("pilot mode", mode, ("fresh", "fixed")),
    ):
        if value not in allowed:
            raise UserError(f"{name}: {value!r}; allowed: {', '.join(allowed)}")
    check_embedder(embedder)


def _medoid_groups(vectors: Vectors, groups: int, size: int, seed: int, spread: int) -> list[list[int]]:
    """Return `groups` disjoint lists of `size` row numbers."""
    import numpy as np

    remaining = np.arange(vectors.shape[0])
    chosen: list[list[int]] = []
    for _ in range(groups):
        medoids = _medoids(vectors[remaining], size, seed, spread)
        chosen.append([int(index) for index in remaining[medoids]])
        remaining = np.delete(remaining, medoids)
    return chosen


def _medoids(vectors: Vectors, size: int, seed: int, spread: int) -> list[int]:
    """Return one row for each cluster, the largest cluster first: of its members the one of the greatest similarity to
    the centre, less `spread` times that to the nearest row chosen so far; of equals the first. Where rows are too
    much alike for so many clusters, the rest is drawn from the other rows."""
    import numpy as np

    from diziner.embedding.clusters import cluster, products, rows

    clusters = cluster(vectors, size, seed)
    labels = clusters.labels
    nearest = np.zeros(len(labels), np.int64)
    medoids: list[int] = []
    members_of = np.bincount(labels, minlength=size)
    for number in np.argsort(-members_of, kind="stable")[: np.count_nonzero(members_of)].tolist():
        members = np.flatnonzero(labels == number)
        worth = clusters.similarity[members, number] - spread * nearest[members]
        medoids.append(int(members[worth.argmax()]))
        if spread:
            nearest = np.maximum(nearest, products(vectors, rows(vectors, medoids[-1:]))[:, 0])
    others = np.setdiff1d(np.arange(len(labels)), medoids)
    return medoids + random.Random(seed).sample(others.tolist(), size - len(medoids))
