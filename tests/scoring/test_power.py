"""Power of paired comparisons: what is promised is what the gate's own test does on samples of documents."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from perf import power_study
from projects import ROOT

from diziner.scoring.power import (
    CORRELATION,
    Design,
    Differences,
    assumed_differences,
    documents_needed,
    expected_spread,
    influences,
    paired_differences,
    smallest_change,
    spread,
)
from diziner.scoring.resampling import exact_f1
from diziner.scoring.significance import randomization_p_value

SHARED = ROOT.parent / "shared" / "benchmarks"
Counts = NDArray[np.int64]


def population(losses: float, gains: float, documents: int = 4000) -> tuple[Counts, Counts]:
    """Two runs on the same documents, whose difficulty differs: the second loses and gains shares of mentions."""
    chance = np.random.default_rng(5)
    gold = chance.poisson(3.0, documents)
    found = chance.binomial(gold, chance.beta(6.0, 3.0, documents))
    lost = chance.binomial(found, losses)
    gained = chance.binomial(gold - found, gains)
    invented = chance.poisson(0.6, documents)
    old = np.column_stack([found, found + invented, gold])
    new = np.column_stack([found - lost + gained, found - lost + gained + invented, gold])
    return old, new


def known(old: Counts, new: Counts) -> Differences:
    found = paired_differences(new, old)
    assert found is not None
    return found


def share_found(old: Counts, new: Counts, documents: int, trials: int) -> float:
    """How often the test behind diff and gate calls a sample of documents different."""
    chance = np.random.default_rng(17)
    drawn = (chance.integers(0, len(old), documents) for _ in range(trials))
    return sum(randomization_p_value(new[d], old[d], 400, seed=3) < 0.05 for d in drawn) / trials


@pytest.mark.parametrize(("losses", "gains"), [(0.12, 0.12), (0.08, 0.0)], ids=["both ways", "losses alone"])
def test_as_many_documents_as_are_promised_show_a_change_as_often_as_is_promised(losses: float, gains: float) -> None:
    """Without higher moments and the correction for continuity, 0.75 and 0.55 of samples would show them, not 0.8."""
    old, new = population(losses, gains)
    change = float(exact_f1(old) - exact_f1(new))
    needed = documents_needed(known(old, new), change, Design())
    assert 40 < needed < 400
    assert share_found(old, new, needed, 600) == pytest.approx(0.8, abs=0.05)
    assert smallest_change(known(old, new), needed, Design()) == pytest.approx(change, rel=0.02)


def test_a_spread_is_the_standard_error_of_f1_times_the_root_of_n() -> None:
    """The delta method against the bootstrap."""
    old, _ = population(0.0, 0.0, 300)
    chance = np.random.default_rng(1)
    scores = [float(exact_f1(old[chance.integers(0, 300, 300)])) for _ in range(2000)]
    assert spread(old) == pytest.approx(float(np.std(scores)) * math.sqrt(300), rel=0.05)
    assert influences(old).sum() == pytest.approx(0, abs=1e-9)


def test_what_is_assumed_of_another_run_is_the_usual_formula_in_large_samples() -> None:
    """n = (1.96 + 0.84)^2 s^2 / c^2, s^2 twice a run's variance less what both runs share."""
    own = 0.3
    for correlation, factor in ((CORRELATION, 1.0), (0.0, 2.0), (0.9, 0.2)):
        differences = assumed_differences(own, correlation)
        assert differences is not None
        usual = 7.849 * own**2 * factor / 0.01**2
        assert documents_needed(differences, 0.01, Design()) == pytest.approx(usual, rel=0.01)
    assert (
        assumed_differences(own, 1.0) is None and assumed_differences(0.0) is None and assumed_differences(None) is None
    )


def test_a_run_without_gold_spreads_as_gold_says() -> None:
    """Independent mentions are simulated; the expectation is by sqrt(2) above them, for what documents share."""
    chance = np.random.default_rng(3)
    gold = chance.poisson(2.5, 200_000)
    found, invented = chance.binomial(gold, 0.6), chance.poisson(0.4 * 2.5, len(gold))
    simulated = spread(np.column_stack([found, found + invented, gold]))
    assert simulated is not None
    assert expected_spread(gold, 0.6) == pytest.approx(simulated * math.sqrt(2), rel=0.02)
    assert expected_spread(np.zeros(5, dtype=np.int64), 0.6) is None


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), min_size=12, max_size=40),
    st.floats(0.001, 0.9),
    st.integers(1, 18),
)
@settings(max_examples=80)
def test_more_documents_show_smaller_changes_and_both_questions_have_one_answer(
    rows: list[tuple[int, int, int]], change: float, tests: int
) -> None:
    gold = np.array([max(a, b) for a, b, _ in rows])
    old, new = (
        np.array([(min(row[side], g), row[side] + row[2], g) for row, g in zip(rows, gold, strict=True)])
        for side in (0, 1)
    )
    differences = paired_differences(new, old)
    design = Design(tests=tests)
    if differences is None:
        assert int((new != old).any(axis=1).sum()) < 10 or exact_f1(old) == exact_f1(new)
        return
    needed = documents_needed(differences, change, design)
    assert documents_needed(differences, change, Design(tests=tests + 1)) >= needed
    seen = [smallest_change(differences, n, design) for n in (needed, 4 * needed)]
    assert seen[0] is not None and seen[0] <= change + 1e-9
    assert seen[1] is not None and seen[1] <= seen[0]


def test_what_cannot_be_is_refused() -> None:
    old, new = population(0.1, 0.1, 50)
    for change in (0.0, -0.1, 1.5):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            documents_needed(known(old, new), change, Design())
    for design in ({"level": 0.0}, {"power": 1.0}, {"tests": 0}, {"power": 0.02}):
        with pytest.raises(ValueError, match="level"):
            Design(**design)
    with pytest.raises(ValueError, match="same documents"):
        paired_differences(old[::-1], new)
    assert paired_differences(old, old) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["other", "same"])
def test_the_promise_holds_on_a_real_benchmark(kind: str) -> None:
    """One of the 13 of tests/perf/power_study.py, whose fast simulation is held to the gate's own test."""
    if not SHARED.is_dir():
        pytest.skip("no files below shared/benchmarks")
    pair = power_study.pair_with(SHARED / "broad_twitter", kind, 0.02)
    change = abs(pair.change)
    needed = documents_needed(pair.differences, change, Design())
    fast = power_study.simulated(pair, needed, Design(), 3000, 1)
    assert fast == pytest.approx(0.8, abs=0.03)
    assert share_found(pair.old, pair.new, needed, 500) == pytest.approx(fast, abs=0.05)
