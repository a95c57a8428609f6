"""Pilot sets: sizes, disjointness, determinism, spread."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.contracts import Document
from stages.corpora.embed import embed
from stages.corpora.pilot import EXACT_UP_TO, Method, Mode, pilot_sets
from stages.errors import UserError

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


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(0, 3))
def test_fresh_sets_are_disjoint(rounds: int, size: int, seed: int) -> None:
    taken = [i for each in ids(pilot_sets(documents(15, seed), rounds, size, "kmeans", seed=seed)) for i in each]
    assert len(taken) == len(set(taken)) == rounds * size


def test_large_pools_use_mini_batches_and_stay_deterministic() -> None:
    pool = documents(EXACT_UP_TO + 10)
    sets = pilot_sets(pool, 2, 5, "kmeans")
    assert len({i for each in ids(sets) for i in each}) == 10
    assert sets == pilot_sets(pool, 2, 5, "kmeans")


def test_embeddings_have_unit_length_and_ignore_ids() -> None:
    pool = documents(100)
    vectors = embed(pool, "tfidf", seed=1)
    assert abs((vectors**2).sum(axis=1) - 1).max() < 1e-4
    renamed = [Document(f"x{document.id}", document.tokens, document.text) for document in pool]
    assert (vectors == embed(renamed, "tfidf", seed=1)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": 3, "size": 5}, "10 documents, but 3 set(s) of 5 need 15"),
        ({"rounds": 1, "size": 11, "mode": "fixed"}, "10 documents, but 1 set(s) of 11 need 11"),
        ({"rounds": 0, "size": 5}, "rounds: 0"),
        ({"rounds": 1, "size": 0}, "pilot set size: 0"),
        ({"rounds": 1, "size": 2, "method": "magic"}, "'magic'; allowed: kmeans, random"),
        ({"rounds": 1, "size": 2, "mode": "stale"}, "'stale'; allowed: fresh, fixed"),
        ({"rounds": 1, "size": 2, "embedder": "bert"}, "'bert'; allowed: tfidf"),
        ({"rounds": 1, "size": 2, "embedder": "sentence-transformers:"}, "names no model"),
    ],
)
def test_wrong_settings_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        pilot_sets(documents(10), **arguments)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_a_missing_embedder_package_says_how_to_get_it() -> None:
    try:
        import sentence_transformers  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match="pip install sentence-transformers"):
            pilot_sets(documents(4), 1, 2, embedder="sentence-transformers:all-MiniLM-L6-v2")
    else:
        pytest.skip("sentence-transformers is installed")
