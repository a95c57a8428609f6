"""Differences in overall agreement between runs, over the same annotators and the same pilot documents."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diziner.ablation.pilot import PilotRound, pair_counts
from diziner.common.rounding import rounded
from diziner.scoring.resampling import Draws

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_TAILS = (2.5, 97.5)  # percentiles of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of two means of overall agreement with its 95 % interval, at six places: what is decided by."""

    difference: float
    low: float
    high: float

    @property
    def above(self) -> bool:
        """Whether the interval holds nothing but gains: 0 is no gain."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Sampled:
    """Overall agreement of a run on one benchmark, and on each resample of its documents."""

    value: float
    samples: Floats


def common_annotators(runs: Collection[PilotRound]) -> tuple[str, ...]:
    """Return the annotators that took part in all runs, by name."""
    return tuple(sorted(set.intersection(*(set(run.annotations) for run in runs))))


def same_documents(one: PilotRound, other: PilotRound) -> bool:
    """Return whether two runs labelled the same documents: ids and tokens, in the same order."""
    return [(d.id, d.tokens) for d in one.documents] == [(d.id, d.tokens) for d in other.documents]


def draw_documents(counts: Mapping[str, int], samples: int, seed: int) -> dict[str, Ints]:
    """Draw resamples (samples x documents) for each benchmark, from its number of documents; one stream for all, so
    that no benchmark's resamples are another's."""
    draws = Draws(seed)
    return {name: draws.below(counts[name], (samples, counts[name])) for name in sorted(counts)}


def resampled_agreement(run: PilotRound, names: Collection[str], drawn: Ints) -> Sampled:
    """Return overall agreement of the annotators of these names, as it is and on the resamples in `drawn`.

    The same `drawn` for two runs pairs them: what is hard in a document cancels.
    """
    import numpy as np

    counts = pair_counts(run.documents, {name: run.annotations[name] for name in names})
    documents = len(run.documents)
    return Sampled(
        float(_overall(counts, np.arange(documents)[None, :])[0]),
        _overall(counts, drawn),
    )


def mean_difference(one: Mapping[str, Sampled], other: Mapping[str, Sampled]) -> Difference:
    """Return the mean over benchmarks of agreement in `one` less that in `other`, with its interval."""
    import numpy as np

    names = sorted(one)
    samples = sum((one[name].samples - other[name].samples for name in names), np.zeros(1)) / len(names)
    value = sum(one[name].value - other[name].value for name in names) / len(names)
    low, high = np.percentile(samples, _TAILS)
    return Difference(*rounded((value, float(low), float(high))))


def _overall(counts: Ints, drawn: Ints) -> Floats:
    """Return the mean strict span F1 of pairs for each row of document numbers; 1.0 for a pair without any span."""
    import numpy as np

    total = np.zeros(len(drawn))
    for pair in counts:  # one after another: sums have one order on every machine
        equal, spans = pair[drawn].sum(axis=1).T
        total += np.divide(2 * equal, spans, out=np.ones(len(drawn)), where=spans > 0)
    return np.asarray(total / len(counts), np.float64)
