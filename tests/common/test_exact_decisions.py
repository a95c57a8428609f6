"""Decisions hang on no last bit: floats are moved within their stated bound, and everything decided stays."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perf.synthetic import make_corpus

from diziner.agreement import analysis as analysis_module
from diziner.agreement import consensus as consensus_module
from diziner.agreement.analysis import analyse
from diziner.agreement.columns import find_patterns, normalised
from diziner.agreement.disagreement import COLUMNS, pattern_measures
from diziner.agreement.exact_measures import BOUND, ExactMeasures
from diziner.agreement.pairwise import exact_span_f1, span_matches
from diziner.agreement.percentiles import reach
from diziner.agreement.settings import AnalysisSettings
from diziner.agreement.weights import annotator_weights, coalition_of, mean_of_others
from diziner.annotator.outcomes import refuse_too_many_failures
from diziner.annotator.settings import AnswerSettings
from diziner.common.errors import ProviderError
from diziner.compare.comparison import Comparison, Side, compare
from diziner.compare.gates import Gates, judge
from diziner.labelling.output_folder import Report
from diziner.labelling.totals import refuse_too_many_failures as refuse_labelling
from diziner.pipeline.selection import select
from diziner.records.agreement import Agreement
from diziner.records.annotations import Annotation, Failure
from diziner.results.correlation import correlations
from diziner.results.validity import Point, forecasts
from diziner.scoring import resampling
from diziner.scoring import significance as noise
from diziner.supervisor.history import _worst
from diziner.supervisor.settings import SupervisorSettings

SIXTIETHS = st.integers(0, 60).map(lambda number: Fraction(number, 60))
# Where a float may stand that belongs to a true value: on it, one unit in the last place beside it, at the bound.
SHIFTS = st.sampled_from([0.0, 2.0**-54, -(2.0**-54), 0.99 * BOUND, -0.99 * BOUND, 0.5 * BOUND, -0.3 * BOUND])


@given(
    st.lists(st.tuples(SIXTIETHS, st.integers(0, 4), SHIFTS), min_size=1, max_size=12),
    st.integers(0, 1000).map(lambda number: Fraction(number, 10)),
    st.booleans(),
)
def test_a_percentile_is_reached_by_rank_wherever_the_floats_stand(
    rows: list[tuple[Fraction, int, float]], percentile: Fraction, zeros: bool
) -> None:
    true = [value for value, _, _ in rows]
    counts = np.array([count for _, count, _ in rows], np.int64)
    values = np.array([max(0.0, float(value) + shift) for value, _, shift in rows])
    found = reach(values, counts, percentile, true.__getitem__, zeros)
    tokens = sorted(value for value, count, _ in rows for _ in range(count))
    if not tokens:
        assert not found.patterns.any()
        return
    place = percentile / 100 * (len(tokens) - 1)
    low, high = tokens[math.floor(place)], tokens[math.ceil(place)]
    limit = low + (place - math.floor(place)) * (high - low)  # by the definition: linear interpolation
    for (value, count, _), reached in zip(rows, found.patterns.tolist(), strict=True):
        if count:
            assert reached == (value >= limit and (zeros or value > 0))
    assert found.threshold == pytest.approx(float(limit), abs=2 * BOUND)


def test_only_values_near_the_edge_are_measured_again() -> None:
    true = [Fraction(1, 5), Fraction(2, 5), Fraction(2, 5), Fraction(3, 5)]
    values = np.array([0.2, np.nextafter(0.4, 0), np.nextafter(0.4, 1), 0.6])
    asked: list[int] = []

    def exact(pattern: int) -> Fraction:
        asked.append(pattern)
        return true[pattern]

    found = reach(values, np.ones(4, np.int64), Fraction(60), exact)
    assert sorted(asked) == [1, 2]
    # The percentile is 0.4 exactly: both reach it, the one whose float is below it too.
    assert found.patterns.tolist() == [False, True, True, True]


class Disturbed:
    """Floats moved at random by less than their bound, each value in another way at each use."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def moved(self, values: Any, most: float) -> Any:
        """The values, each moved by up to `most`, zeros too; never below zero."""
        return np.maximum(values + self._generator.uniform(-most, most, np.shape(values)), 0.0)


def decided(analysis: Any) -> tuple[Any, ...]:
    """Everything that an analysis decides."""
    return (
        analysis.agreement.coalition,
        [(hotspot.id, hotspot.kind, hotspot.consensus) for hotspot in analysis.hotspots],
        analysis.consensus,
        analysis.groups,
        analysis.totals,
    )


@pytest.mark.parametrize("weights", ["span_f1", "kappa", "hybrid"])
@pytest.mark.parametrize(("annotators", "types", "failing"), [(2, 1, 0.0), (4, 3, 0.0), (5, 2, 0.15), (8, 4, 0.0)])
def test_an_analysis_decides_the_same_under_any_order_of_summation(
    monkeypatch: pytest.MonkeyPatch, annotators: int, types: int, failing: float, weights: str
) -> None:
    corpus = make_corpus(25, annotators, types, failing=failing, seed=types)
    chosen = AnalysisSettings(weights=weights)
    expected = decided(analyse(*corpus, chosen))
    measures, mass = pattern_measures, normalised
    for seed in range(5):
        noise_of = Disturbed(seed)
        monkeypatch.setattr(
            analysis_module,
            "pattern_measures",
            lambda *given, noise_of=noise_of: type(measures(*given))(
                *(noise_of.moved(getattr(measures(*given), name), 0.99 * BOUND) for name in COLUMNS)
            ),
        )
        monkeypatch.setattr(
            consensus_module,
            "normalised",
            lambda given, noise_of=noise_of: np.where(given > 0, noise_of.moved(mass(given), 0.99 * BOUND), 0.0),
        )
        assert decided(analyse(*corpus, chosen)) == expected


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 3))
def test_exact_measures_are_those_of_the_floats(seed: int, annotators: int, types: int) -> None:
    from diziner.agreement.disagreement import pattern_measures
    from diziner.agreement.encoding import encode

    corpus = encode(*make_corpus(4, annotators, types, failing=0.1, seed=seed))
    patterns = find_patterns(corpus.codes, corpus.missing)
    weights = annotator_weights(exact_span_f1(span_matches(corpus)), lambda: [], AnalysisSettings())
    elite = np.array([name in coalition_of(corpus.annotators, weights, Fraction(1, 2)) for name in corpus.annotators])
    floats = pattern_measures(patterns, np.array([float(weight) for weight in weights]), elite)
    exact = ExactMeasures(patterns, weights, elite)
    for name in ("u_star", "tv_between", "elite_internal"):
        for pattern, value in enumerate(getattr(floats, name).tolist()):
            assert abs(exact.value(name, pattern) - Fraction(value)) < Fraction(BOUND)


def test_means_that_are_equal_are_a_tie() -> None:
    """1/3 and 2/3 have the mean of 1/2 and 1/2; as floats they do not always."""
    one, third, half = Fraction(1), Fraction(1, 3), Fraction(1, 2)
    matrix = [[one, third, 2 * third, half], [third, one, half, half], [2 * third, half, one, third]]
    assert mean_of_others([[*row[:3]] for row in matrix])[0] == half


def agreement(mean: dict[str, float], overall: float) -> Agreement:
    names = tuple(sorted(mean))
    unit = tuple(tuple(1.0 if a == b else overall for b in names) for a in names)
    return Agreement(names, 6, {"strict_span_f1": unit}, mean, overall, mean, names[:1], {})


def test_selection_takes_ties_by_order_and_name() -> None:
    rounds = {k: agreement({"b": 0.5, "a": 0.5, "c": 0.4}, overall) for k, overall in ((0, 0.4), (1, 0.5), (2, 0.5))}
    chosen = select(rounds, {name: {} for name in "abc"})
    assert (chosen.round, chosen.annotator) == (1, "a")
    nearly = rounds | {2: agreement({"b": 0.5, "a": 0.5, "c": 0.4}, 0.500000001)}
    assert select(nearly, {name: {} for name in "abc"}).round == 2


def test_agreement_among_some_is_the_mean_of_decimals() -> None:
    """0.1 + 0.2 + 0.3 in floats is 0.6000000000000001 or 0.6, by order and by version of Python."""
    names = ("a", "b", "c", "d")
    pairs = {("a", "b"): 0.1, ("a", "c"): 0.2, ("b", "c"): 0.3}
    matrix = tuple(tuple(pairs.get((a, b), pairs.get((b, a), 1.0)) for b in names) for a in names)
    whole = Agreement(names, 1, {"strict_span_f1": matrix}, {}, 0.5, {}, (), {})
    assert whole.among({"a", "b", "c"}) == 0.2


def test_an_annotator_exactly_at_the_margin_is_left_out() -> None:
    margin = SupervisorSettings(drop_worst_margin=0.1, drop_worst_keep=2, model=None)  # type: ignore[arg-type]
    # The mean is 0.4, the worst 0.3; in floats their difference is 0.10000000000000003 or 0.09999999999999998.
    for mean in ({"a": 0.45, "b": 0.45, "c": 0.3}, {"a": 0.55, "b": 0.35, "c": 0.3}):
        assert _worst(mean, margin) == "c"
    assert _worst({"a": 0.45, "b": 0.449999999, "c": 0.3}, margin) == ""


@pytest.mark.parametrize(("failed", "documents", "allowed"), [(29, 100, 0.29), (7, 100, 0.07), (57, 100, 0.57)])
def test_a_share_of_exactly_the_allowed_size_passes(failed: int, documents: int, allowed: float) -> None:
    answers = AnswerSettings(max_failed_share=allowed)
    rows = [Annotation(str(n), failure=Failure("timeout", "slow") if n < failed else None) for n in range(documents)]
    refuse_too_many_failures(rows, answers, "here")
    report = Report("0", documents, 0, 0, {}, {"timeout": failed}, {"timeout": ("0", "slow")}, "", 0)
    refuse_labelling([report], answers, "here")
    one_more = [*rows[:-1], Annotation("x", failure=Failure("timeout", "slow"))]
    with pytest.raises(ProviderError):
        refuse_too_many_failures(one_more, answers, "here")


def counts(*rows: tuple[int, int, int]) -> Any:
    return np.array(rows, dtype=np.int64)


def side(table: Any) -> Side:
    from diziner.scoring.bootstrap import DocumentCounts

    return Side({"failed_share": 0.0}, DocumentCounts(tuple(f"d{n:03}" for n in range(len(table))), table))


def test_a_drop_of_exactly_the_allowed_size_passes_and_one_span_more_does_not() -> None:
    """F1 0.70 to 0.65 is a drop of 0.05; in floats of 0.04999999999999993."""
    old, new = side(counts(*[(7, 10, 10)] * 200)), side(counts(*[(6, 10, 10), (7, 10, 10)] * 100))
    row = compare("b", old, new)
    assert row.exact_change == Fraction(-1, 20)

    def passes(row: Comparison, most: float) -> bool:
        worse = Comparison(**{**{f: getattr(row, f) for f in row.__slots__}, "verdict": "worse", "adjusted": 0.0})
        [drop, _] = judge(Gates(most, 0.05), [worse], {"b": new}, {}, None)
        return drop.passed

    assert passes(row, 0.05)
    assert not passes(row, 0.0499999999)
    assert passes(compare("b", old, side(counts(*[(6, 10, 10), (7, 10, 10)] * 100))), 0.05)


def test_a_floor_is_reached_exactly() -> None:
    new = side(counts((1, 3, 3)))
    checks = judge(Gates(0.05, 0.05, {"b": 0.333333}), [], {"b": new}, {}, None)
    assert next(check for check in checks if check.rule == "F1").passed
    checks = judge(Gates(0.05, 0.05, {"b": 0.333334}), [], {"b": new}, {}, None)
    assert not next(check for check in checks if check.rule == "F1").passed


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=9))
def test_the_p_value_does_not_hang_on_the_last_bits_of_f1(rows: list[tuple[int, int, int]]) -> None:
    gold = [max(a, b, c) for a, b, c in rows]
    new = counts(*[(a, max(a, c), g) for (a, _, c), g in zip(rows, gold, strict=True)])
    old = counts(*[(b, max(b, c), g) for (_, b, c), g in zip(rows, gold, strict=True)])
    expected = noise.randomization_p_value(new, old, 100, seed=1)
    values = resampling.Ratios.values
    with pytest.MonkeyPatch.context() as patch:
        disturbed = Disturbed(len(rows))
        patch.setattr(resampling.Ratios, "values", lambda self: disturbed.moved(values(self), 2.0**-52))
        assert noise.randomization_p_value(new, old, 100, seed=1) == expected


def test_the_normal_tail_is_that_of_the_library() -> None:
    from scipy.stats import norm

    for change in (0.0, 1e-9, 0.3, 1.0, 1.959964, 3.0, 6.0, 9.0, 13.9):
        assert noise.unpaired_p_value(change, 1.0) == pytest.approx(2 * norm.sf(change), rel=1e-12)
    assert noise.unpaired_p_value(15.0, 1.0) == 0.0


def test_draws_are_the_same_in_blocks_and_spread_evenly() -> None:
    whole = resampling.Draws(7).below(12, (1000, 30))
    stream = resampling.Draws(7)
    blocks = np.concatenate([stream.below(12, (size, 30)) for size in (1, 299, 700)])
    assert (whole == blocks).all()
    shares = np.bincount(whole.ravel(), minlength=12) / whole.size
    assert np.abs(shares - 1 / 12).max() < 0.006


def points(seed: int, size: int) -> list[Point]:
    generator = np.random.default_rng(seed)
    return [
        Point(0, str(n), round(float(x), 9), round(float(y), 6)) for n, (x, y) in enumerate(generator.random((size, 2)))
    ]


def test_correlations_do_not_hang_on_the_order_of_points() -> None:
    cloud = points(3, 40)
    expected = correlations(cloud)
    for _ in range(5):
        cloud = [cloud[number] for number in np.random.default_rng(len(cloud)).permutation(len(cloud))]
        assert correlations(cloud) == expected
    line = [Point(0, str(n), n / 10, n / 5) for n in range(5)]
    found = correlations(line)
    assert (found["pearson"], found["spearman"], found["within_round"]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("names", [5, 10, 35])
def test_the_quantile_of_a_forecast_is_the_decimal_that_was_asked_for(names: int) -> None:
    """0.8 x 35 is 28, in floats 28.000000000000004: the next larger error would make the interval too wide."""
    own = {f"b{n:02}": points(n, 6) for n in range(names)}
    finals = {name: (cloud[0].agreement, cloud[0].f1) for name, cloud in own.items()}
    found = forecasts(own, finals, 0.8)
    reference = _forecast_by_definition(own, finals, Fraction(4, 5))
    assert {name: (f.estimate, f.low, f.high) for name, f in found.items()} == reference


def _forecast_by_definition(
    own: dict[str, list[Point]], finals: dict[str, tuple[float, float]], level: Fraction
) -> dict[str, tuple[Fraction, Fraction, Fraction]]:
    exact: Callable[[float], Fraction] = lambda value: Fraction(repr(value))  # noqa: E731

    def line(names: list[str], at: Fraction) -> Fraction:
        pairs = [(exact(p.agreement), exact(p.f1)) for name in names for p in own[name]]
        mx = sum((x for x, _ in pairs), Fraction(0)) / len(pairs)
        my = sum((y for _, y in pairs), Fraction(0)) / len(pairs)
        both = sum(((x - mx) * (y - my) for x, y in pairs), Fraction(0))
        slope = both / sum(((x - mx) * (x - mx) for x, _ in pairs), Fraction(0))
        return my + slope * (at - mx)

    made = {}
    for name in own:
        others = [other for other in own if other != name]
        errors = sorted(
            abs(exact(finals[left][1]) - line([o for o in others if o != left], exact(finals[left][0])))
            for left in others
        )
        half = errors[min(len(errors), math.ceil((len(errors) + 1) * level)) - 1]
        estimate = min(Fraction(1), max(Fraction(0), line(others, exact(finals[name][0]))))
        made[name] = (estimate, max(Fraction(0), estimate - half), min(Fraction(1), estimate + half))
    return made
