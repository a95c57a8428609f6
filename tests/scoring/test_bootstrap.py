"""Bootstrap over documents: coverage, pairing, determinism; Holm's correction."""

import numpy as np
import pytest

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.scoring import bootstrap
from diziner.scoring.bootstrap import Interval, document_bootstrap, document_counts, holm, paired_bootstrap
from diziner.scoring.resampling import Draws
from diziner.scoring.strict import score_counts, strict_span_scores


def simulated(generator: np.random.Generator, documents: int) -> np.ndarray:
    """Documents of differing difficulty, so that spans within one are correlated."""
    gold = generator.poisson(3.0, documents)
    ease = generator.beta(6.0, 3.0, documents)
    correct = generator.binomial(gold, ease)
    predicted = correct + generator.poisson(0.8, documents)
    return np.stack([correct, predicted, gold], axis=1)


def f1(counts: np.ndarray) -> float:
    return score_counts(*(int(total) for total in counts.sum(axis=0))).f1


def test_counts_per_document_sum_to_the_strict_score() -> None:
    gold = {"b": [Span(0, 1, "PER"), Span(2, 3, "LOC")], "a": [Span(0, 1, "PER")]}
    predicted = {"a": [Span(0, 1, "LOC"), Span(0, 1, "LOC")], "b": [Span(0, 1, "PER")]}
    ids, counts = document_counts(gold, predicted)
    assert ids == ("a", "b")
    assert counts.tolist() == [[0, 1, 1], [1, 1, 2]]
    assert f1(counts) == strict_span_scores(gold, predicted).micro.f1
    assert document_counts({}, {}).counts.shape == (0, 3)
    with pytest.raises(UserError):
        document_counts({"a": []}, {})


def test_coverage_of_the_interval_is_near_95_percent() -> None:
    generator = np.random.default_rng(7)
    truth = f1(simulated(generator, 1_000_000))
    trials = 700
    covered = 0
    for trial in range(trials):
        interval = document_bootstrap(simulated(generator, 120), samples=300, seed=trial)
        covered += interval.low <= truth <= interval.high
    assert 0.93 <= covered / trials <= 0.97


def test_coverage_of_the_paired_difference_and_size_of_its_test() -> None:
    """Two systems of equal quality: zero lies inside about 95 % of intervals, p < 0.05 in about 5 %."""
    generator = np.random.default_rng(11)
    trials = 500
    covered = rejected = 0
    for trial in range(trials):
        a = simulated(generator, 120)
        correct = generator.binomial(a[:, 2], 2 / 3)
        b = np.stack([correct, correct + generator.poisson(0.8, 120), a[:, 2]], axis=1)
        found = paired_bootstrap(a, b, samples=300, seed=trial)
        covered += found.low <= 0 <= found.high
        rejected += found.p_value < 0.05
    assert 0.92 <= covered / trials <= 0.98
    assert 0.02 <= rejected / trials <= 0.08


def test_intervals_shrink_with_documents_not_with_samples() -> None:
    generator = np.random.default_rng(3)
    few, many = simulated(generator, 50), simulated(generator, 5000)

    def width(counts: np.ndarray, samples: int) -> float:
        interval = document_bootstrap(counts, samples, seed=1)
        return interval.high - interval.low

    assert width(few, 1000) > 5 * width(many, 1000)
    assert width(few, 4000) == pytest.approx(width(few, 1000), rel=0.2)


def test_the_seed_decides_and_the_block_size_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = simulated(np.random.default_rng(5), 40)
    interval = document_bootstrap(counts, seed=1)
    assert document_bootstrap(counts, seed=1) == interval
    assert document_bootstrap(counts, seed=2) != interval
    assert interval.low < f1(counts) < interval.high
    monkeypatch.setattr(bootstrap, "_CELLS_AT_ONCE", 1000)
    assert document_bootstrap(counts, seed=1) == interval


def test_intervals_are_percentiles_of_drawn_documents() -> None:
    """A plain loop over what the generator draws, in fractions; also with one sample, and with spans beyond 16 bits."""
    counts = np.array([[3, 4, 5], [0, 0, 0], [70_000, 90_000, 80_000], [1, 3, 2]], np.int64)
    other = np.array([[2, 4, 5], [0, 1, 0], [69_000, 70_000, 80_000], [2, 3, 2]], np.int64)
    for samples in (1, 2, 40):
        drawn = Draws(5).below(4, (samples, 4))
        a, b = (
            [score_counts(*rows[own].sum(axis=0).tolist()).f1 for own in drawn.tolist()] for rows in (counts, other)
        )
        found = document_bootstrap(counts, samples, seed=5)
        assert [found.low, found.high] == pytest.approx(np.percentile(a, [2.5, 97.5]).tolist(), abs=1e-12)
        paired = paired_bootstrap(counts, other, samples, seed=5)
        differences = np.subtract(a, b)
        assert [paired.low, paired.high] == pytest.approx(np.percentile(differences, [2.5, 97.5]).tolist(), abs=1e-12)
        tail = min((differences <= 0).sum(), (differences >= 0).sum())
        assert paired.p_value == min(1.0, 2 * (tail + 1) / (samples + 1))


def test_more_spans_than_are_added_exactly_are_refused() -> None:
    """Whichever document is drawn, a sum of predicted and gold has to stay below 2^30."""
    most = 2**28
    assert document_bootstrap(np.tile([most - 1] * 3, (2, 1)), 3, seed=1).low == 1.0
    with pytest.raises(ValueError, match="more spans than fit"):
        document_bootstrap(np.tile([most] * 3, (2, 1)), 3, seed=1)


def test_degenerate_counts() -> None:
    assert document_bootstrap(np.array([[1, 2, 2]]), seed=0) == Interval(0.5, 0.5)
    assert document_bootstrap(np.zeros((3, 3), dtype=np.int64), seed=0) == Interval(1.0, 1.0)
    assert document_bootstrap(np.array([[0, 1, 0], [0, 0, 2]]), seed=0).low == 0.0


def test_equal_predictions_do_not_differ() -> None:
    counts = simulated(np.random.default_rng(5), 40)
    found = paired_bootstrap(counts, counts, seed=1)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_real_difference_is_found_and_pairing_narrows_it() -> None:
    counts = simulated(np.random.default_rng(5), 300)
    worse = counts.copy()
    worse[:, 0] = np.maximum(worse[:, 0] - (np.arange(300) % 4 == 0), 0)
    found = paired_bootstrap(counts, worse, seed=1)
    assert found.difference == pytest.approx(f1(counts) - f1(worse))
    assert 0 < found.low < found.difference < found.high
    assert found.p_value == pytest.approx(2 / 1001)
    single = document_bootstrap(counts, seed=1)
    assert found.high - found.low < single.high - single.low
    mirrored = paired_bootstrap(worse, counts, seed=1)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    assert mirrored.p_value == found.p_value


def test_impossible_input_is_refused() -> None:
    counts = np.array([[1, 2, 2], [0, 1, 1]])
    with pytest.raises(ValueError, match="at least one document"):
        document_bootstrap(np.zeros((0, 3), dtype=np.int64), seed=0)
    with pytest.raises(ValueError, match="documents, 3"):
        document_bootstrap(counts[:, :2], seed=0)
    with pytest.raises(ValueError, match=r"documents, 3.*not \(2,\)"):
        document_bootstrap(counts[:, 0], seed=0)
    with pytest.raises(ValueError, match="samples"):
        document_bootstrap(counts, 0, seed=0)
    with pytest.raises(ValueError, match="same documents"):
        paired_bootstrap(counts, counts[::-1], seed=0)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.5], [1.0, 1.0]),
        ([0.04, 0.01, 0.01], [0.04, 0.03, 0.03]),
    ],
)
def test_holm(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(value: float) -> None:
    with pytest.raises(ValueError):
        holm([0.1, value])
