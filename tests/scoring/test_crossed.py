"""A gain split into guideline, model, prompt, documents and answers: what is put in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diziner.scoring.crossed import Estimate, Ints, crossed, document_gains, mean_squares, split
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
    assert total == pytest.approx(float(np.square(table - table.mean()).sum()))


@pytest.mark.parametrize("shape", [(2, 1, 1, 1, 1, 3), (1, 1, 1, 1, 4, 3), (2, 1, 1, 1, 4, 2), (2, 0, 1, 1, 4, 3)])
def test_what_is_no_design_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"documents|counts"):
        crossed(np.zeros(shape, np.int64), 10, 1)
