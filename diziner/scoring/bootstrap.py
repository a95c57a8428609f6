"""Bootstrap of micro F1 over documents: intervals, paired differences, Holm's correction.

Documents, not spans, are resampled: spans of one document are not independent. Needs numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from diziner.scoring.resampling import Draws, exact_f1, f1_ratios
from diziner.scoring.strict import SpansById, require_same_ids

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

_TAILS = (2.5, 97.5)  # percentiles of a two-sided 95 % interval
_CELLS_AT_ONCE = 500_000  # documents drawn at a time: 12 MB
_HALF = 31  # bits of half a whole number


class DocumentCounts(NamedTuple):
    """`counts[i]` is (correct, predicted, gold) of document `ids[i]`; shape (documents, 3), ids sorted."""

    ids: tuple[str, ...]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """F1 of a minus F1 of b on the same documents, its 95 % interval, and a two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def document_counts(gold: SpansById, predicted: SpansById) -> DocumentCounts:
    """Count strict spans per document: the rows of `document_bootstrap`. Their sums give micro F1.

    Raises:
        UserError: the two mappings do not have the same document ids.
    """
    import numpy as np

    require_same_ids(gold, predicted)
    ids = tuple(sorted(gold))
    rows = []
    for name in ids:
        gold_spans, predicted_spans = set(gold[name]), set(predicted[name])
        rows.append((len(gold_spans & predicted_spans), len(predicted_spans), len(gold_spans)))
    return DocumentCounts(ids, np.array(rows, dtype=np.int64).reshape(len(ids), 3))


def document_bootstrap(counts: Counts, samples: int = 1000, *, seed: int) -> Interval:
    """Return the percentile bootstrap interval (95 %) of micro F1 over `counts` of shape (documents, 3).

    Each of `samples` resamples draws as many documents as there are, with replacement. A resample
    without any span has F1 1.0, as everywhere. One document gives an interval of zero width.

    Raises:
        ValueError: no documents, another shape, or no samples.
    """
    import numpy as np

    _check(counts, samples)
    scores = np.concatenate([f1_ratios(totals).values() for [totals] in _resampled_totals([counts], samples, seed)])
    low, high = np.percentile(scores, _TAILS)
    return Interval(float(low), float(high))


def paired_bootstrap(counts_a: Counts, counts_b: Counts, samples: int = 1000, *, seed: int) -> PairedDifference:
    """Bootstrap the difference in micro F1 of two predictions for the SAME documents, row by row.

    Both are resampled with the same documents, so what is hard for both cancels. The p-value inverts the
    percentile interval: twice the smaller share of resamples with difference <= 0 or >= 0, with one added
    to count and total so that it is never 0; at most 1.0. Equal predictions give p = 1.0.

    Raises:
        ValueError: as `document_bootstrap`, or the gold counts of a row differ (other documents).
    """
    import numpy as np

    _check(counts_a, samples)
    _check(counts_b, samples)
    if not np.array_equal(counts_a[:, 2], counts_b[:, 2]):
        raise ValueError("gold counts differ: a paired bootstrap needs the same documents in the same order")
    differences, signs = [], []
    for totals in _resampled_totals([counts_a, counts_b], samples, seed):
        a, b = map(f1_ratios, totals)
        differences.append(a.values() - b.values())
        # Whole numbers decide which of two F1 is the greater.
        signs.append(np.sign(a.above * b.below - b.above * a.below))
    low, high = np.percentile(np.concatenate(differences), _TAILS)
    sign = np.concatenate(signs)
    tail = min(int((sign <= 0).sum()), int((sign >= 0).sum()))
    p_value = min(1.0, 2 * (tail + 1) / (samples + 1))
    return PairedDifference(float(exact_f1(counts_a) - exact_f1(counts_b)), float(low), float(high), p_value)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return Holm's step-down adjustment of a family of p-values, in the order given; empty in, empty out.

    With p(1) <= ... <= p(m): adjusted p(k) = max over j <= k of min(1, (m - j + 1) p(j)). Rejecting where
    the adjusted value is below alpha keeps the family-wise error rate below alpha, whatever the dependence.

    Raises:
        ValueError: a value outside [0, 1], NaN included.
    """
    for value in p_values:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{value} is not a p-value")
    adjusted = [0.0] * len(p_values)
    floor = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = floor
    return tuple(adjusted)


def _check(counts: Counts, samples: int) -> None:
    if counts.ndim != 2 or counts.shape[1] != 3 or len(counts) == 0:
        raise ValueError(f"counts must be (documents, 3) with at least one document, not {counts.shape}")
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")


def _resampled_totals(sides: Sequence[Counts], samples: int, seed: int) -> Iterator[list[Counts]]:
    """Yield what `f1_ratios` needs of resampled documents, a row a resample, of each side, a block of resamples at a
    time.

    What is correct and the sum of predicted and gold are two halves of one number, which is drawn and summed once.
    """
    import numpy as np

    draws = Draws(seed)
    documents = len(sides[0])
    block = max(1, _CELLS_AT_ONCE // documents)
    packed = [counts[:, 0] << _HALF | counts[:, 1] + counts[:, 2] for counts in sides]
    if max(int(counts.max(initial=0)) for counts in sides) * 2 * documents >= 1 << _HALF - 1:
        raise ValueError("more spans than fit half of a whole number")
    for done in range(0, samples, block):
        drawn = draws.below(documents, (min(block, samples - done), documents))
        totals = [each[drawn].sum(axis=1) for each in packed]
        yield [np.stack([each >> _HALF, each & (1 << _HALF) - 1, np.zeros_like(each)], axis=1) for each in totals]
