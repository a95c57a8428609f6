"""Pilot sets: sizes, disjointness, determinism, spread."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.corpora.pilot import pilot_sets
from diziner.corpora.settings import Method, Mode
from diziner.embedding.clusters import SAMPLE, cluster
from diziner.embedding.tfidf import _steps, tfidf
from diziner.records.documents import Document

TOPICS = ("ship harbour sail tide", "bread flour oven yeast", "court judge law trial", "star orbit moon comet")


def documents(count: int, seed: int = 0) -> list[Document]:
    """Texts on four topics in turn."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        words = TOPICS[number % 4].split()
        tokens = (*rng.choices(words, k=6), f"w{rng.randrange(40)}")
        made.append(Document(f"d{number}", tokens, " ".join(tokens)))
    return made


def ids(sets: Sequence[Sequence[Document]]) -> list[list[str]]:
    return [[document.id for document in each] for each in sets]


@pytest.mark.parametrize("method", ["kmeans", "random"])
@pytest.mark.parametrize("mode", ["fresh", "fixed"])
def test_sets_have_the_size_and_pool_order(method: Method, mode: Mode) -> None:
    pool = documents(60)
    sets = pilot_sets(pool, 3, 8, method, mode, seed=5)
    assert [len(each) for each in sets] == [8, 8, 8]
    order = {document.id: place for place, document in enumerate(pool)}
    assert all([order[i] for i in each] == sorted(order[i] for i in each) for each in ids(sets))
    taken = [i for each in ids(sets) for i in each]
    if mode == "fresh":
        assert len(set(taken)) == 24
    else:
        assert sets[0] == sets[1] == sets[2]
    assert sets == pilot_sets(pool, 3, 8, method, mode, seed=5)


@pytest.mark.parametrize("method", ["kmeans", "random"])
def test_more_rounds_keep_former_sets(method: Method) -> None:
    pool = documents(60)
    assert pilot_sets(pool, 4, 6, method)[:2] == pilot_sets(pool, 2, 6, method)


def test_seeds_draw_differently() -> None:
    pool = documents(60)
    assert pilot_sets(pool, 1, 10, "random", seed=1) != pilot_sets(pool, 1, 10, "random", seed=2)


def test_kmeans_covers_all_topics_of_a_lopsided_pool() -> None:
    everything = documents(240)
    pool = everything[0::4] + everything[1:21:4] + everything[2:22:4] + everything[3:23:4]  # 60 + 5 + 5 + 5
    chosen = pilot_sets(pool, 1, 8, "kmeans")[0]
    words = {token for document in chosen for token in document.tokens}
    assert all(words & set(topic.split()) for topic in TOPICS)


def test_a_set_may_use_up_the_pool() -> None:
    pool = documents(12)
    sets = pilot_sets(pool, 3, 4, "kmeans")
    assert sorted(i for each in ids(sets) for i in each) == sorted(document.id for document in pool)


def test_equal_texts_still_fill_the_set() -> None:
    pool = [Document(f"d{number}", ("same", "words"), "same words") for number in range(9)]
    sets = pilot_sets(pool, 2, 4, "kmeans")
    assert len({i for each in ids(sets) for i in each}) == 8


@settings(max_examples=10)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(0, 3))
def test_fresh_sets_are_disjoint(rounds: int, size: int, seed: int) -> None:
    taken = [i for each in ids(pilot_sets(documents(15, seed), rounds, size, "kmeans", seed=seed)) for i in each]
    assert len(taken) == len(set(taken)) == rounds * size


def test_large_pools_are_clustered_by_a_sample_and_stay_deterministic() -> None:
    pool = documents(SAMPLE + 10)
    sets = pilot_sets(pool, 2, 5, "kmeans")
    assert len({i for each in ids(sets) for i in each}) == 10
    assert sets == pilot_sets(pool, 2, 5, "kmeans")


def test_vectors_are_whole_numbers_of_one_length_and_ignore_ids() -> None:
    pool = documents(100)
    vectors = tfidf(pool)
    assert vectors.dtype == np.int64
    squares = (vectors * vectors).sum(axis=1)
    assert (squares <= 1 << 40).all()
    assert (squares > (1 << 40) * (1 - 1e-4)).all()
    renamed = [Document(f"x{document.id}", document.tokens, document.text) for document in pool]
    assert (vectors != tfidf(renamed)).nnz == 0


def test_vectors_are_tfidf() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    pool = documents(300, seed=4)
    expected = TfidfVectorizer(analyzer=lambda d: [t.lower() for t in d.tokens], sublinear_tf=True).fit_transform(pool)
    ours = tfidf(pool) / 2.0**20
    cosines = (ours @ ours.T).toarray()
    assert np.abs(cosines - (expected @ expected.T).toarray()).max() < 2e-3


def test_logarithms_are_exact() -> None:
    for number in (1, 2, 3, 7, 1023, 1024, 1025, 99_999, 10**9):
        steps = _steps(number)
        assert 2**steps <= number**1024 < 2 ** (steps + 1)


@pytest.mark.parametrize("dense", [False, True])
def test_clusters_hang_on_no_order_of_summation(dense: bool) -> None:
    """The same documents with their dimensions in another order: every sum is made in another order."""
    vectors = tfidf(documents(200, seed=2))
    order = np.random.default_rng(1).permutation(vectors.shape[1])
    both = [vectors, vectors[:, order]]
    if dense:
        both = [each.toarray().astype(np.float64) for each in both]
    one, other = (cluster(each, 8, seed=3) for each in both)
    assert (one.similarity == other.similarity).all()
    assert (one.labels == other.labels).all()


def test_sparse_and_dense_vectors_give_the_same_clusters() -> None:
    vectors = tfidf(documents(150, seed=3))
    sparse, dense = cluster(vectors, 6, seed=1), cluster(vectors.toarray().astype(np.float64), 6, seed=1)
    assert (sparse.centres == dense.centres).all()
    assert (sparse.similarity == dense.similarity).all()


def test_no_sum_of_a_product_is_rounded() -> None:
    """The sums of absolute values stay below 2^53, where float64 holds every whole number."""
    vectors = tfidf(documents(300, seed=5))
    found = cluster(vectors, 10, seed=1)
    assert (abs(vectors) @ np.ascontiguousarray(np.abs(found.centres).T)).max() < 1 << 42


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": 3, "size": 5}, "10 documents, but 3 sets of 5 need 15"),
        ({"rounds": 1, "size": 11, "mode": "fixed"}, "10 documents, but 1 set of 11 need 11"),
        ({"rounds": 0, "size": 5}, "rounds: 0"),
        ({"rounds": 1, "size": 0}, "pilot set size: 0"),
        ({"rounds": 1, "size": 2, "method": "magic"}, "'magic'; allowed: kmeans, random"),
        ({"rounds": 1, "size": 2, "mode": "stale"}, "'stale'; allowed: fresh, fixed"),
        ({"rounds": 1, "size": 2, "embedder": "bert"}, "'bert'; allowed: tfidf"),
    ],
)
def test_wrong_settings_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        pilot_sets(documents(10), **arguments)  # type: ignore[arg-type]
    assert message in str(error.value)
