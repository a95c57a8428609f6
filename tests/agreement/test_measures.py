"""Agreement, chance-corrected agreement, token measures and votes: against loops, sklearn, and definitions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perf import naive_agreement as naive
from perf.synthetic import make_corpus

from diziner.agreement.chance import cohens_kappa, fleiss_kappa, krippendorff_alpha
from diziner.agreement.columns import find_patterns, label_mass
from diziner.agreement.consensus import spans_of, vote
from diziner.agreement.disagreement import COLUMNS, pattern_measures
from diziner.agreement.encoding import Corpus, encode
from diziner.agreement.hotspots import merged_runs
from diziner.agreement.measures import PAIR_MEASURES, SET_MEASURES
from diziner.agreement.pairwise import (
    contingency_tables,
    exact_kappas,
    exact_span_f1,
    pair_measures,
    span_matches,
)
from diziner.agreement.settings import AnalysisSettings
from diziner.agreement.voting import weighted_consensus
from diziner.agreement.weights import annotator_weights, coalition_of
from diziner.records.annotations import Annotation, Failure
from diziner.records.documents import Document
from diziner.spans.tags import spans_to_tags

close = pytest.approx
HALF = Fraction(1, 2)
TagLists = dict[str, list[tuple[str, ...] | None]]
Made = tuple[Corpus, TagLists]


def fractions(matrix: Sequence[Sequence[float | str]]) -> list[list[Fraction]]:
    """Numbers as they are written."""
    return [[Fraction(str(value)) for value in row] for row in matrix]


def tag_lists(documents: list[Document], rows: dict[str, list[Annotation]]) -> TagLists:
    by_id = {document.id: len(document.tokens) for document in documents}
    return {
        name: [None if row.failure else spans_to_tags(row.spans, by_id[row.id]) for row in own]
        for name, own in rows.items()
    }


@pytest.fixture(scope="module", params=[(4, 0.0), (18, 0.0), (3, 0.2)], ids=["4 types", "18 types", "failures"])
def made(request: pytest.FixtureRequest) -> Made:
    types, failing = request.param
    documents, rows, labels = make_corpus(30, 5, types, failing=failing, seed=types)
    return encode(documents, rows, labels), tag_lists(documents, rows)


def test_codes_are_the_codec_of_the_project(made: Made) -> None:
    corpus, tags = made
    lookup = [*corpus.tags, None]
    for name, own in zip(corpus.annotators, corpus.codes, strict=True):
        for number, expected in enumerate(tags[name]):
            codes = own[corpus.offsets[number] : corpus.offsets[number + 1]].tolist()
            assert [lookup[code] for code in codes] == list(expected or [None] * len(codes))


def test_patterns_restore_the_matrix() -> None:
    codes = np.random.default_rng(5).integers(0, 40, (16, 3000)).astype(np.uint8)
    codes[:, ::3] = codes[0, ::3] % 39
    codes[:, 1::5] = codes[:, 1:2]
    patterns = find_patterns(codes, missing=39)
    assert (patterns.codes[:, patterns.index] == codes).all()
    assert (np.bincount(patterns.index, minlength=len(patterns.counts)) == patterns.counts).all()
    found = patterns.codes[:, 39:]
    assert len(np.unique(found, axis=1).T) == found.shape[1]


def test_pairs_equal_the_loops(made: Made) -> None:
    corpus, tags = made
    ours = pair_measures(span_matches(corpus), contingency_tables(find_patterns(corpus.codes, corpus.missing)))
    assert tuple(ours) == tuple(PAIR_MEASURES)
    for first, second in combinations(range(len(tags)), 2):
        pair = corpus.annotators[first], corpus.annotators[second]
        assert ours["strict_span_f1"][first, second] == close(naive.span_f1(tags, *pair), abs=1e-12)
        assert ours["boundary_f1"][first, second] == close(naive.span_f1(tags, *pair, typed=False), abs=1e-12)
        kappa = naive.cohens_kappa(*naive.common_tags(tags, *pair))
        assert ours["cohens_kappa"][first, second] == close(kappa, abs=1e-12)
        # Strict agreement is agreement on bounds times agreement on types given the bounds.
        product = ours["boundary_f1"][first, second] * ours["type_accuracy"][first, second]
        assert ours["strict_span_f1"][first, second] == close(product, abs=1e-12)
    for matrix in ours.values():
        assert (matrix == matrix.T).all()
        assert (matrix.diagonal() == 1.0).all()


def test_token_agreement_equals_sklearn(made: Made) -> None:
    from sklearn.metrics import cohen_kappa_score, f1_score

    corpus, tags = made
    ours = pair_measures(span_matches(corpus), contingency_tables(find_patterns(corpus.codes, corpus.missing)))
    for first, second in [(0, 1), (2, 4)]:
        left, right = naive.common_tags(tags, corpus.annotators[first], corpus.annotators[second])
        macro = f1_score(left, right, average="macro", zero_division=0)
        assert ours["token_macro_f1"][first, second] == close(macro, abs=1e-12)
        assert ours["cohens_kappa"][first, second] == close(cohen_kappa_score(left, right), abs=1e-12)


def test_measures_of_the_set_equal_their_definitions(made: Made) -> None:
    corpus, tags = made
    patterns = find_patterns(corpus.codes, corpus.missing)
    counts = label_mass(patterns.codes, np.ones(len(tags)), corpus.missing).astype(np.int64)
    items = [
        column
        for own in zip(*tags.values(), strict=True)
        for column in zip(*(labels for labels in own if labels is not None), strict=True)
    ]
    assert {"fleiss_kappa", "krippendorff_alpha"} <= set(SET_MEASURES)
    for name, measure in SET_MEASURES.items():  # the loop has the measure's name
        assert measure.of(counts, patterns.counts) == close(getattr(naive, name)(items), abs=1e-12), name


def test_krippendorff_example_of_the_literature() -> None:
    """Krippendorff (2011), "Computing Krippendorff's alpha-reliability", example C: nominal alpha 0.743."""
    values = [
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *",
    ]
    codes = np.array([[5 if value == "*" else int(value) - 1 for value in row.split()] for row in values])
    counts = label_mass(codes.astype(np.uint8), np.ones(4), 5).astype(np.int64)
    assert krippendorff_alpha(counts, np.ones(12, np.int64)) == close(0.743, abs=5e-4)


def test_fleiss_example_of_the_literature() -> None:
    """Fleiss (1971) as commonly tabulated: ten subjects, fourteen raters, five categories, kappa 0.210."""
    table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert fleiss_kappa(np.array(table).T, np.ones(10, np.int64)) == close(0.210, abs=5e-4)


def _weights(corpus: Corpus, kind: str = "span_f1") -> tuple[list[Fraction], tuple[str, ...]]:
    f1 = exact_span_f1(span_matches(corpus))
    tables = contingency_tables(find_patterns(corpus.codes, corpus.missing))
    weights = annotator_weights(f1, lambda: exact_kappas(tables, len(f1)), AnalysisSettings(weights=kind))
    return weights, coalition_of(corpus.annotators, weights, HALF)


def test_token_measures_equal_the_loops(made: Made) -> None:
    corpus, tags = made
    weights, coalition = _weights(corpus, "hybrid")
    by_name = dict(zip(corpus.annotators, map(float, weights), strict=True))
    elite = np.array([name in coalition for name in corpus.annotators])
    patterns = find_patterns(corpus.codes, corpus.missing)
    ours = pattern_measures(patterns, np.array([*by_name.values()]), elite).of(patterns.index)
    table = np.stack([getattr(ours, name) for name in COLUMNS], axis=1)
    expected = np.array(naive.all_token_measures(tags, by_name, coalition))
    assert np.abs(table - expected).max() < 1e-11
    assert np.isfinite(table).all()
    assert (table[:, :-1] >= 0).all()
    assert (table <= 1).all()


@pytest.mark.parametrize("kind", ["io", "bio"])
def test_vote_equals_the_loops(made: Made, kind: str) -> None:
    corpus, tags = made
    weights, _ = _weights(corpus)
    by_name = dict(zip(corpus.annotators, map(float, weights), strict=True))
    voted = spans_of(vote(find_patterns(corpus.codes, corpus.missing), weights, corpus.offsets, kind), corpus)
    assert [
        list(spans_to_tags(voted[document.id], len(document.tokens))) for document in corpus.documents
    ] == naive.vote(tags, by_name, kind)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=12), min_size=1, max_size=5))
def test_blocks_equal_the_loops(documents: list[list[bool]]) -> None:
    offsets = np.cumsum([0, *(len(document) for document in documents)])
    start, end = merged_runs(np.array([hot for document in documents for hot in document]), offsets)
    expected = [
        (int(shift) + first, int(shift) + last)
        for shift, document in zip(offsets, documents, strict=False)
        for first, last in naive.merged_runs(document)
    ]
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == expected


@given(st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_is_defined_bounded_and_symmetric(cells: list[list[int]]) -> None:
    table = np.array(cells)
    kappa = float(cohens_kappa(table))
    assert -1.0 <= kappa <= 1.0
    assert float(cohens_kappa(table.T)) == close(kappa, abs=1e-12)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=1, max_size=8),
    st.integers(1, 4),
)
def test_set_measures_count_frequency_as_repetition(columns: list[list[int]], times: int) -> None:
    counts = np.array(columns).T
    repeated = np.repeat(counts, times, axis=1)
    many, once = np.full(len(columns), times), np.ones(len(columns) * times, np.int64)
    for measure in (fleiss_kappa, krippendorff_alpha):
        value = measure(counts, many)
        assert np.isfinite(value)
        assert value <= 1.0 + 1e-12
        assert value == close(measure(repeated, once), abs=1e-12)


def test_weightings() -> None:
    f1 = fractions([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    kappa = fractions([[1.0, 0.6, -0.4], [0.6, 1.0, -0.4], [-0.4, -0.4, 1.0]])
    floored = annotator_weights(f1, lambda: kappa, AnalysisSettings())
    assert floored == fractions([["4/9", "4/9", "1/9"]])[0]
    shifted = annotator_weights(f1, lambda: kappa, AnalysisSettings(weights="kappa"))
    assert shifted == [HALF, HALF, 0]
    hybrid = annotator_weights(f1, lambda: kappa, AnalysisSettings(weights="hybrid"))
    assert hybrid == [HALF, HALF, 0]


def test_annotators_that_agree_no_better_than_chance_weigh_the_same() -> None:
    unit = fractions(np.eye(4).tolist())
    for weighting in ("kappa", "hybrid"):
        assert annotator_weights(unit, lambda: unit, AnalysisSettings(weights=weighting)) == [Fraction(1, 4)] * 4


def test_coalition_includes_the_one_that_crosses_and_breaks_ties_by_name() -> None:
    assert coalition_of(["d", "c", "b", "a"], [Fraction(1, 4)] * 4, HALF) == ("a", "b")
    assert coalition_of(["a", "b", "c"], fractions([[0.3, 0.45, 0.25]])[0], HALF) == ("b", "a")
    weights = fractions([[0.2, 0.2, 0.1, 0.5]])[0]
    assert coalition_of(["a", "b", "c", "d"], weights, Fraction(1)) == ("d", "a", "b", "c")
    assert coalition_of(["a", "b", "c", "d"], weights, Fraction(7, 10)) == ("d", "a")
    # One part in 10^30 short of the cutoff is short of it.
    assert coalition_of(["a", "b", "c", "d"], weights, Fraction(7, 10) + Fraction(1, 10**30)) == ("d", "a", "b")


def test_vote_ties_go_to_o_then_to_the_first_type_by_name() -> None:
    codes = np.array([[0, 3, 3], [3, 1, 3]], np.uint8)  # O/B-Y, B-Y/B-X, B-Y twice
    voted = vote(find_patterns(codes, missing=5), [HALF, HALF], np.array([0, 3]))
    assert voted.tolist() == [0, 1, 3]


def test_answers_without_weight_vote_equally_where_they_are_alone() -> None:
    codes = np.array([[5, 1], [1, 3]], np.uint8)
    voted = vote(find_patterns(codes, missing=5), [Fraction(1), Fraction(0)], np.array([0, 1, 2]))
    assert voted.tolist() == [1, 1]


def test_consensus_by_given_weights() -> None:
    documents, rows, labels = make_corpus(20, 3, 2, seed=4)
    rows["annotator-01"][3] = Annotation("doc-000003", failure=Failure("timeout", "no answer"))
    rows["annotator-02"][3] = Annotation("doc-000003", failure=Failure("timeout", "no answer"))
    heavy = {"annotator-00": 0.1, "annotator-01": 0.8, "annotator-02": 0.1}
    voted = weighted_consensus(documents, rows, labels, heavy)
    by_name = {name: {row.id: row for row in own} for name, own in rows.items()}
    for document in documents:
        decides = "annotator-00" if document.id == "doc-000003" else "annotator-01"
        expected = spans_to_tags(by_name[decides][document.id].spans, len(document.tokens))
        types = [tag[2:] for tag in expected]
        assert [tag[2:] for tag in spans_to_tags(voted[document.id], len(document.tokens))] == types
