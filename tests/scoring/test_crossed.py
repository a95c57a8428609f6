"""A gain split into guideline, model, prompt, documents and answers: what is put in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.scoring.crossed import Estimate, Ints, crossed, document_gains, mean_squares, split, variance
from diziner.scoring.strict import score_counts

PER_DOCUMENT = 5  # gold mentions


def counted(recall: np.ndarray, generator: np.random.Generator) -> Ints:
    """Counts of readings that find each mention with a probability (guidelines x models x prompts x samples x
    documents) and nothing else."""
    correct = generator.binomial(PER_DOCUMENT, recall)
    return np.stack([correct, correct, np.full_like(correct, PER_DOCUMENT)], axis=-1).astype(np.int64)


def drawn(generator: np.random.Generator, shape: tuple[int, int, int, int], spreads: tuple[float, ...]) -> Ints:
    """Counts where recall is 0.4 by the first guideline and 0.5 by the refined one, give or take `spreads` by model,
    prompt, both, and document."""
    models, prompts, _, documents = shape
    gain = 0.1 + generator.normal(0, spreads[0], (models, 1)) + generator.normal(0, spreads[1], (1, prompts))
    gain = gain + generator.normal(0, spreads[2], (models, prompts))
    hard, more = generator.normal(0, spreads[3], (2, documents))
    recall = np.zeros((2, *shape)) + 0.4 + hard
    recall[1] += gain[:, :, None, None] + more
    return counted(np.clip(recall, 0, 1), generator)


def holds(estimate: Estimate | None, value: float) -> bool:
    assert estimate is not None
    return estimate.low <= value <= estimate.high


def test_intervals_hold_what_was_put_in_about_as_often_as_they_say() -> None:
    """In 24 designs, at 95 %: 18 or fewer of 24 would come once in 10,000 times; what it finds on average is right."""
    generator = np.random.default_rng(13)
    spreads, slope = (0.06, 0.03, 0.02, 0.1), 2 / 1.5**2  # of F1 = 2 r / (1 + r) at 0.5
    found = []
    for seed in range(24):
        own = split(crossed(drawn(generator, (5, 4, 2, 40), spreads), 200, seed), seed)
        sizes = [own.models, own.prompts, own.both]
        inside = [holds(own.beyond, 2 * 0.5 / 1.5 - 2 * 0.4 / 1.4)]
        inside += [holds(each, slope * value) for each, value in zip(sizes, spreads, strict=False)]
        found.append([*inside, *(each.value for each in (own.gain, *sizes, own.documents, own.answers) if each)])
    held, values = np.split(np.array(found, np.float64), [4], axis=1)
    assert (held.sum(axis=0) > 18).all(), held.sum(axis=0)
    gain, models, prompts, both, documents, answers = values.mean(axis=0)
    assert gain == pytest.approx(2 * 0.5 / 1.5 - 2 * 0.4 / 1.4, abs=0.03)
    assert models == pytest.approx(slope * 0.06, rel=0.3)
    assert prompts == pytest.approx(slope * 0.03, rel=0.5)
    assert both == pytest.approx(slope * 0.02, rel=0.5)
    # To first order: recall of 40 x 5 mentions by either guideline; documents differ twice, in the second alone.
    noise = (slope**2 * (0.5 * 0.5 - 0.02) + (2 / 1.4**2) ** 2 * (0.4 * 0.6 - 0.01)) / 200
    assert answers == pytest.approx(noise**0.5, rel=0.15)
    assert 0.7 * slope * 0.1 / 40**0.5 < documents < 1.5 * slope * 0.1 / 40**0.5


def test_nothing_put_in_is_nothing_found() -> None:
    generator = np.random.default_rng(13)
    own = split(crossed(drawn(generator, (4, 3, 2, 60), (0.0, 0.0, 0.0, 0.0)), 200, 1), 1)
    for estimate in (own.models, own.prompts, own.both):
        assert estimate is not None
        assert estimate.value < 0.02
        assert estimate.low == 0.0


tables = st.tuples(*(st.integers(1, 3) for _ in range(3)), st.integers(2, 4)).flatmap(
    lambda shape: st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
        min_size=2 * int(np.prod(shape)),
        max_size=2 * int(np.prod(shape)),
    ).map(lambda rows: np.array([(min(row), row[1], row[2]) for row in rows], np.int64).reshape(2, *shape, 3))
)


@given(tables)
def test_documents_parts_add_up_to_the_gain_of_each_cell(counts: Ints) -> None:
    gains = document_gains(counts).mean(axis=-1)
    for cell in np.ndindex(counts.shape[1:4]):
        first, refined = (score_counts(*counts[(number, *cell)].sum(axis=0).tolist()).f1 for number in (0, 1))
        assert gains[cell] == pytest.approx(refined - first, abs=1e-12)


def test_the_part_of_a_document_that_gained_is_above_the_others() -> None:
    """Of two documents with a mention each, the refined guideline finds one: F1 is 0.5, by the first document alone."""
    counts = np.array([[[0, 1, 1], [0, 1, 1]], [[1, 1, 1], [0, 1, 1]]], np.int64).reshape(2, 1, 1, 1, 2, 3)
    assert document_gains(counts).ravel().tolist() == [1.0, 0.0]


@settings(max_examples=25)
@given(tables, st.integers(1, 5))
def test_a_design_is_scored_cell_by_cell_and_resample_by_resample(counts: Ints, resamples: int) -> None:
    """As a plain loop does it; what is drawn are as many documents as there are."""
    design = crossed(counts, resamples, 3)
    assert design.weights.shape == (resamples, counts.shape[4])
    assert (design.weights.sum(axis=1) == counts.shape[4]).all() and (design.weights >= 0).all()
    for cell in np.ndindex(counts.shape[:4]):
        assert design.f1[cell] == score_counts(*counts[cell].sum(axis=0).tolist()).f1
        for number, weights in enumerate(design.weights.astype(np.int64)):
            totals = (weights[:, None] * counts[cell]).sum(axis=0)
            assert design.resampled[(number, *cell)] == score_counts(*totals.tolist()).f1
    whole, first = (np.arange(counts.shape[1]), np.arange(counts.shape[2])), (np.array([0]), np.array([0]))
    gains, drawn = design.f1[1] - design.f1[0], design.resampled[:, 1] - design.resampled[:, 0]
    own = np.array([row.mean() - row[0, 0].mean() for row in (gains, *drawn)])
    difference = design.difference(whole, first)
    assert difference.value == pytest.approx(own[0], abs=1e-12)
    assert [difference.low, difference.high] == pytest.approx(np.percentile(own[1:], [2.5, 97.5]).tolist(), abs=1e-12)
    assert design.mean_gain(first).value == pytest.approx(gains[0, 0].mean(), abs=1e-12)


def test_every_document_is_drawn_as_often_as_another() -> None:
    counts = np.ones((2, 1, 1, 1, 5, 3), np.int64)
    weights = crossed(counts, 4_000, 1).weights
    assert weights.mean(axis=0) == pytest.approx(1, abs=0.06)
    assert weights.var(axis=0) == pytest.approx(4 / 5, abs=0.08)


@settings(max_examples=25)
@given(tables)
def test_documents_and_answers_have_the_textbooks_variances(counts: Ints) -> None:
    """The variance of a mean over documents, n - 1 below, on the documents and on each resample of them."""
    samples, documents = counts.shape[3:5]
    design = crossed(counts, 30, 1)
    cells = design.shares.reshape(-1, samples, documents)
    drawn = [np.arange(documents)]
    drawn += [np.repeat(np.arange(documents), row) for row in design.weights.astype(np.int64)]

    def of_answers(chosen: np.ndarray) -> float:
        return float(np.mean([cell[:, chosen].var(axis=0, ddof=1).mean() for cell in cells])) if samples > 1 else 0.0

    def of_documents(chosen: np.ndarray) -> float:
        own = np.mean([cell[:, chosen].mean(axis=0).var(ddof=1) for cell in cells])
        return float(own - of_answers(chosen) / samples)

    found = split(design, 1)
    for estimate, slow in ((found.documents, of_documents), (found.answers, of_answers)):
        if estimate is not None:
            roots = [max(0.0, slow(chosen) / documents) ** 0.5 for chosen in drawn]
            assert estimate.value == pytest.approx(roots[0], abs=1e-7)
            low, high = np.percentile(roots[1:], [2.5, 97.5])
            assert [estimate.low, estimate.high] == pytest.approx([low, high], abs=1e-7)


def test_variances_are_those_that_expected_mean_squares_are_solved_for() -> None:
    """Of a table of models, prompts and documents, all of them random, with three answers in each cell."""
    generator = np.random.default_rng(1)
    squares = mean_squares(generator.normal(size=(3, 4, 5)), 3)
    m, p, d, mp, md, pd, mpd = (
        float(squares[effect]) for effect in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
    )
    expected = {
        (0,): (m - mp - md + mpd) / (3 * 4 * 5),
        (1,): (p - mp - pd + mpd) / (3 * 3 * 5),
        (2,): (d - md - pd + mpd) / (3 * 3 * 4),
        (0, 1): (mp - mpd) / (3 * 5),
        (0, 2): (md - mpd) / (3 * 4),
        (1, 2): (pd - mpd) / (3 * 3),
        (0, 1, 2): (mpd - 0.25) / 3,
    }
    for effect, value in expected.items():
        assert float(variance(squares, effect, (3, 4, 3, 5), 0.25)) == pytest.approx(value)


@pytest.mark.parametrize(("samples", "prompts"), [(1, 1), (2, 1), (1, 3)])
def test_intervals_for_other_models_divide_mean_squares_by_chi_squared_numbers(samples: int, prompts: int) -> None:
    """Weerahandi's generalized interval, from draws of another generator: 3 models, 30 documents."""
    generator = np.random.default_rng(7)
    design = crossed(drawn(generator, (3, prompts, samples, 30), (0.15, 0.0, 0.0, 0.1)), 50, 1)
    found = split(design, 1)
    sizes = {0: 3, 1: prompts, 2: 30}
    squares = mean_squares(design.shares.mean(axis=2), samples)
    freedom = {effect: int(np.prod([sizes[axis] - 1 for axis in effect])) for effect in squares}
    likely = {e: freedom[e] * squares[e] / generator.chisquare(freedom[e], 200_000) for e in squares}
    answers = 3 * prompts * 30 * (samples - 1)
    noise = None
    if answers:
        within = float(design.shares.var(axis=2, ddof=1).mean())
        noise = answers * within / generator.chisquare(answers, 200_000)
    parts = {effect: variance(likely, effect, (3, prompts, samples, 30), noise) for effect in squares}
    models = np.sqrt(np.maximum(parts[(0,)], 0))
    assert found.models is not None and found.beyond is not None
    assert [found.models.low, found.models.high] == pytest.approx(
        np.percentile(models, [2.5, 97.5]), rel=0.12, abs=5e-3
    )
    each = {effect: own / np.prod([sizes[axis] for axis in effect]) for effect, own in parts.items()}
    documents = sum(np.maximum(own, 0) for effect, own in each.items() if 2 in effect)
    total = np.maximum(sum(each.values()), documents) + (0 if noise is None else noise / design.shares.size)
    beyond = found.gain.value + generator.normal(size=200_000) * np.sqrt(total)
    assert [found.beyond.low, found.beyond.high] == pytest.approx(
        np.percentile(beyond, [2.5, 97.5]), rel=0.12, abs=0.01
    )


@settings(max_examples=25)
@given(tables)
def test_any_design_can_be_split_and_what_it_cannot_tell_is_not_told(counts: Ints) -> None:
    _, models, prompts, samples, _, _ = counts.shape
    own = split(crossed(counts, 20, 1), 1)
    assert (own.models is None, own.prompts is None) == (models == 1, prompts == 1)
    assert (own.both is None, own.answers is None) == (min(models, prompts) == 1, samples == 1)
    assert (own.beyond is None) == (models == prompts == 1)
    told = [own.models, own.prompts, own.both, own.documents, own.answers, own.gain, own.beyond]
    for estimate in filter(None, told):
        assert np.isfinite([estimate.value, estimate.low, estimate.high]).all()
        assert estimate.low <= estimate.high


def test_squares_of_all_effects_are_the_squares_of_the_table() -> None:
    table = np.random.default_rng(1).normal(size=(3, 4, 5))
    freedom = {0: 2, 1: 3, 2: 4}
    found = mean_squares(table, 1)
    total = sum(float(square) * np.prod([freedom[axis] for axis in effect]) for effect, square in found.items())
    assert len(found) == 7
    for effect, square in found.items():
        own = table
        for axis in range(3):
            mean = own.mean(axis=axis, keepdims=True)
            own = own - mean if axis in effect else mean + np.zeros(own.shape)
        assert float(square) == pytest.approx(float(np.square(own).sum()) / np.prod([freedom[axis] for axis in effect]))
    assert total == pytest.approx(float(np.square(table - table.mean()).sum()))


@pytest.mark.parametrize("shape", [(2, 1, 1, 1, 1, 3), (1, 1, 1, 1, 4, 3), (2, 1, 1, 1, 4, 2), (2, 0, 1, 1, 4, 3)])
def test_what_is_no_design_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"documents|counts"):
        crossed(np.zeros(shape, np.int64), 10, 1)
