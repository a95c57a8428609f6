"""Decisions in fractions: measures, percentiles, votes and shares as plain code says them."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.agreement.chance import cohens_kappa, exact_kappa
from diziner.agreement.columns import find_patterns
from diziner.agreement.disagreement import pattern_measures
from diziner.agreement.exact_measures import BOUND, ExactMeasures, heaviest
from diziner.agreement.held_back import held_back
from diziner.agreement.percentiles import reach
from diziner.agreement.shares import confidence, disagreement, span_f1_of, span_shares
from diziner.records.annotations import Span
from diziner.records.documents import Document

MISSING = 5  # O, B-A, I-A, B-C, I-C, and no answer


@st.composite
def answered(draw: st.DrawFn) -> tuple[np.ndarray, list[Fraction], np.ndarray]:
    """Codes of up to four annotators, no token without an answer; weights, some of them 0; who is in the coalition."""
    size = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(st.integers(0, MISSING), min_size=size, max_size=size), min_size=1, max_size=8))
    rows = [row if min(row) < MISSING else [0] * size for row in rows]
    weights = draw(st.lists(st.fractions(0, 1, max_denominator=6), min_size=size, max_size=size))
    elite = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return np.array(rows, np.uint8).T.copy(), weights, np.array(elite, np.bool_)


@given(answered())
def test_exact_measures_are_those_of_arrays(made: tuple[np.ndarray, list[Fraction], np.ndarray]) -> None:
    codes, weights, elite = made
    patterns = find_patterns(codes, MISSING)
    exact = ExactMeasures(patterns, weights, elite)
    floats = pattern_measures(patterns, np.array([float(weight) for weight in weights]), elite)
    for pattern in np.unique(patterns.index).tolist():
        for name in ("u_star", "tv_between", "elite_internal"):
            found = float(exact.value(name, pattern))
            assert float(getattr(floats, name)[pattern]) == pytest.approx(found, abs=1e-8), name
            assert 0 <= found <= 1


def test_those_who_did_not_answer_have_no_part_in_a_measure() -> None:
    """The coalition is silent on the first token, the rest on the second; on the third they differ in all."""
    patterns = find_patterns(np.array([[5, 1, 0], [5, 3, 0], [1, 5, 3]], np.uint8), MISSING)
    weights, elite = [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)], np.array([True, True, False])
    exact = ExactMeasures(patterns, weights, elite)
    floats = pattern_measures(patterns, np.array([0.5, 0.25, 0.25]), elite)
    expected = {"tv_between": [0, 0, 1], "elite_internal": [0, Fraction(4, 9), 0], "u_star": [0, Fraction(4, 9), 0.75]}
    for name, values in expected.items():
        assert [exact.value(name, pattern) for pattern in patterns.index.tolist()] == values
        assert getattr(floats, name)[patterns.index].tolist() == pytest.approx([float(value) for value in values])


def test_no_measure_is_a_negative_zero() -> None:
    """The coalition is as far from the rest as from itself: the floats of this pattern's dominance are -1e-16."""
    weights, elite = np.array([1, 2, 5, 1, 1]) / 6, np.array([True, False, False, True, True])
    patterns = find_patterns(np.array([[1], [2], [0], [0], [3]], np.uint8), MISSING)
    dominance = pattern_measures(patterns, weights, elite).elite_dominance[patterns.index]
    assert dominance.tolist() == [0.0] and not np.signbit(dominance).any()


tokens = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=8)


@given(tokens, st.fractions(0, 100, max_denominator=8), st.booleans(), st.integers(0, 99))
def test_what_reaches_a_percentile_is_decided_in_fractions(
    given_tokens: list[tuple[int, int]], percentile: Fraction, zeros: bool, seed: int
) -> None:
    """Sixths that floats hardly tell apart; values that nobody has count for nothing."""
    exact = [Fraction(value, 6) for value, _ in given_tokens]
    counts = np.array([count for _, count in given_tokens], np.int64)
    noise = np.random.default_rng(seed).uniform(-BOUND, BOUND, len(exact))
    found = reach(np.array([float(value) for value in exact]) + noise, counts, percentile, exact.__getitem__, zeros)
    every = sorted(value for value, count in zip(exact, counts.tolist(), strict=True) for _ in range(count))
    if not every:
        assert found.threshold == 0.0 and not found.patterns.any()
        return
    place = percentile / 100 * (len(every) - 1)
    below, above = int(place), -int(-place // 1)
    limit = every[above]
    for value, count, reached in zip(exact, counts.tolist(), found.patterns.tolist(), strict=True):
        if count:
            assert reached == (value >= limit and (zeros or value > 0))
    between = every[below] + (place - below) * (every[above] - every[below])
    assert found.threshold == pytest.approx(float(between), abs=1e-9)


def test_values_that_floats_cannot_tell_apart_are_told_apart() -> None:
    half = Fraction(1, 2)
    exact = [half - Fraction(5 * BOUND) / 2, half, half + Fraction(BOUND), half + Fraction(5 * BOUND) / 2]
    values, counts = np.array([float(value) for value in exact]), np.ones(4, np.int64)
    for percentile, least in ((0, 0), (33, 1), (66, 2), (67, 3), (100, 3)):
        found = reach(values, counts, Fraction(percentile), exact.__getitem__)
        assert found.patterns.tolist() == [place >= least for place in range(4)], percentile
    swapped = reach(values[[0, 2, 1, 3]], counts, Fraction(100, 3), exact.__getitem__)
    assert swapped.patterns.tolist() == [False, True, True, True]


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_in_fractions_is_that_of_arrays(cells: list[list[int]]) -> None:
    table = np.array(cells, np.int64)
    total = int(table.sum())
    expected = Fraction(1)
    if total:
        chance = sum(Fraction(int(table[k].sum()), total) * Fraction(int(table[:, k].sum()), total) for k in range(3))
        if chance != 1:
            expected = (Fraction(int(np.trace(table)), total) - chance) / (1 - chance)
    assert exact_kappa(table) == expected
    assert cohens_kappa(table[None])[0] == pytest.approx(float(expected), abs=1e-12)


def test_two_who_differ_on_one_token_do_not_agree() -> None:
    table = np.array([[0, 1], [0, 0]], np.int64)
    assert exact_kappa(table) == 0 and cohens_kappa(table[None])[0] == 0.0


@given(st.lists(st.tuples(st.integers(0, 3), st.fractions(0, 1, max_denominator=6)), min_size=1, max_size=6))
def test_the_heaviest_label_is_the_first_of_equals(votes: list[tuple[int, Fraction]]) -> None:
    votes = [*votes, (0, Fraction(0))]
    masses = [sum((weight for code, weight in votes if code == label), Fraction(0)) for label in range(3)]
    given_labels = {code for code, _ in votes if code < 3}
    best = min(given_labels, key=lambda label: (-masses[label], label))
    assert heaviest([code for code, _ in votes], [weight for _, weight in votes], 3) == best


spans = st.lists(st.builds(Span, st.integers(0, 2), st.just(3), st.sampled_from("AB")), max_size=3, unique=True)


@given(st.dictionaries(st.sampled_from("abcd"), spans, max_size=4), st.data())
def test_shares_are_counted_vote_by_vote(votes: dict[str, list[Span]], data: st.DataObject) -> None:
    weights = {name: data.draw(st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(2)])) for name in votes}
    shares = span_shares(votes, weights)
    assert list(shares) == sorted({span for vote in votes.values() for span in vote})
    own = weights if any(weights.values()) else dict.fromkeys(votes, Fraction(1))
    for span, share in shares.items():
        assert share == sum((own[name] for name in votes if span in votes[name]), Fraction(0)) / sum(own.values())
    won = data.draw(st.lists(st.sampled_from([Span(5, 6, "A"), *shares]), max_size=3))
    decisions = [shares.get(span, Fraction(0)) for span in won] + [1 - shares[s] for s in shares if s not in won]
    assert confidence(shares, won) == min(decisions, default=Fraction(1))
    pairs = [span_f1_of(*pair) for pair in combinations(votes.values(), 2)]
    assert disagreement(votes) == (1 - sum(pairs, Fraction(0)) / len(pairs) if pairs else None)


@given(spans, spans)
def test_f1_of_two_votes_is_twice_what_both_have_by_what_they_have(one: list[Span], other: list[Span]) -> None:
    both = len([span for span in one if span in other])
    assert span_f1_of(one, other) == (Fraction(2 * both, len(one) + len(other)) if one or other else 1)
    assert span_f1_of(one, one) == 1


def test_the_same_documents_are_held_back_in_whatever_order_and_one_remains() -> None:
    documents = [Document(f"d{number}", ("a",), "a") for number in range(6)]
    order = sorted((f"d{number}" for number in range(6)), key=lambda name: hashlib.sha256(name.encode()).digest())
    held = [held_back(documents, count) for count in range(8)]
    assert [len(each) for each in held] == [0, 1, 2, 3, 4, 5, 5, 5]
    assert all(list(each) == sorted(order[: len(each)]) for each in held)
    assert all(set(fewer) <= set(more) for fewer, more in pairwise(held))
    assert held_back(documents[::-1], 3) == held[3]
    assert held_back(documents, -1) == held_back([], 2) == held_back(documents[:1], 1) == ()
