"""Pilot sets: the documents of each round, chosen for lexical spread and without labels."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from stages.contracts import Document
from stages.corpora.embed import TFIDF, check_embedder, embed
from stages.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Method = Literal["kmeans", "random"]
Mode = Literal["fresh", "fixed"]
EXACT_UP_TO = 5_000  # documents; beyond, k-means works on mini-batches


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
            f"pilot pool has {len(documents)} documents, but {groups} set(s) of {size} need {needed}; "
            "lower the rounds or the set size, set the mode to fixed, or add documents"
        )
    if method == "random":
        order = random.Random(seed).sample(range(len(documents)), len(documents))
        chosen = [order[group * size : (group + 1) * size] for group in range(groups)]
    else:
        chosen = _medoid_groups(embed(documents, embedder, seed), groups, size, seed)
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


def _medoid_groups(vectors: NDArray[np.float64], groups: int, size: int, seed: int) -> list[list[int]]:
    """`groups` disjoint lists of `size` row numbers."""
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    remaining = np.arange(len(vectors))
    chosen: list[list[int]] = []
    # One thread: the order of sums, and with it the sets, must not depend on the number of cores.
    with threadpool_limits(limits=1):
        for _ in range(groups):
            medoids = _medoids(vectors[remaining], size, seed)
            chosen.append([int(index) for index in remaining[medoids]])
            remaining = np.delete(remaining, medoids)
    return chosen


def _medoids(vectors: NDArray[np.float64], size: int, seed: int) -> list[int]:
    """The row nearest to each of `size` k-means centres (the first of equals). Where rows are too much
    alike for so many clusters, the rest is drawn from the other rows."""
    import numpy as np
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    exact = len(vectors) <= EXACT_UP_TO
    model = (
        KMeans(size, n_init=10, max_iter=300, random_state=seed)
        if exact
        else MiniBatchKMeans(size, n_init=3, batch_size=2048, random_state=seed)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters
        labels = model.fit_predict(vectors)
    distances = np.linalg.norm(vectors - model.cluster_centers_[labels], axis=1)
    medoids: list[int] = []
    for cluster in range(size):
        members = np.flatnonzero(labels == cluster)
        if len(members):
            medoids.append(int(members[np.argmin(distances[members])]))
    others = np.setdiff1d(np.arange(len(vectors)), medoids)
    refill = random.Random(seed).sample(others.tolist(), size - len(medoids))
    return medoids + refill
