"""Per-document counts of a benchmark's test predictions, which stand in its metrics file.

They are what F1 and its intervals are made of: with them, two runs can be compared document by document, and a
metric can be checked, from what git holds alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from diziner.common.rounding import rounded
from diziner.results.figures import Final, figures_of
from diziner.scoring.bootstrap import DocumentCounts, document_bootstrap, paired_bootstrap
from diziner.scoring.strict import score_counts

_SUMS = ("correct", "predicted", "gold")


class PredictionCounts(NamedTuple):
    """Counts by the selected and by round 0's guideline, for the same documents in the same order."""

    selected: DocumentCounts
    initial: DocumentCounts


def headline(counts: PredictionCounts, samples: int, seed: int) -> dict[str, float | None]:
    """Return the figures of metrics/final that follow from counts, rounded; all None for no documents (no gold).

    `f1_low` and `f1_high`: 95 % document bootstrap of `samples` resamples; `gain`: F1 of selected minus F1 of
    initial, with the bounds of its paired interval.
    """
    scores: dict[str, Any] = dict.fromkeys(("selected", "initial", "interval", "gain"))
    if counts.selected.ids:
        after, before = counts.selected.counts, counts.initial.counts
        micro, micro_before = (score_counts(*map(int, table.sum(axis=0))) for table in (after, before))
        scores = {
            "selected": {"micro": asdict(micro)},
            "initial": {"micro": asdict(micro_before)},
            "interval": asdict(document_bootstrap(after, samples, seed=seed)),
            "gain": asdict(paired_bootstrap(after, before, samples, seed=seed)),
        }
    return dict(rounded(figures_of(Final(scores), counted_only=True)))


def counts_to_rows(counts: PredictionCounts) -> list[list[Any]]:
    """Return a row for each document, by id: [id, gold, correct, predicted, the last two by round 0's guideline]."""
    return [
        [id_, gold, correct, predicted, before[0], before[1]]
        for id_, (correct, predicted, gold), before in zip(
            counts.selected.ids, counts.selected.counts.tolist(), counts.initial.counts.tolist(), strict=True
        )
    ]


def counts_from_rows(rows: Sequence[Sequence[Any]]) -> PredictionCounts:
    """Return the counts of rows, already checked by their schema.

    Errors: ValueError for a document that is there twice, and for counts that cannot be counts (more correct than
    predicted or gold).
    """
    selected = {id_: (correct, predicted, gold) for id_, gold, correct, predicted, _, _ in rows}
    initial = {id_: (correct, predicted, gold) for id_, gold, _, _, correct, predicted in rows}
    if len(selected) < len(rows):
        raise ValueError("a document is counted twice")
    return _possible(PredictionCounts(_table(selected), _table(initial)))


def counts_from_json(value: Mapping[str, Any]) -> PredictionCounts:
    """Return the counts of a file that versions before wrote (metrics/documents/), already checked by its schema.

    Errors: ValueError if the two predictions are not of the same documents, counts cannot be counts (more
    correct than predicted or gold), or the sums are not those of the documents.
    """
    selected, initial = _table(value["selected"]), _table(value["initial"])
    if selected.ids != initial.ids or (selected.counts[:, 2] != initial.counts[:, 2]).any():
        raise ValueError("selected and initial are not counted on the same documents")
    counts = _possible(PredictionCounts(selected, initial))
    sums = {"documents": len(selected.ids), **dict(zip(_SUMS, selected.counts.sum(axis=0).tolist(), strict=True))}
    if any(value[key] != own for key, own in sums.items()):
        raise ValueError("the sums are not those of the documents")
    return counts


def _possible(counts: PredictionCounts) -> PredictionCounts:
    for table in (counts.selected.counts, counts.initial.counts):
        if (table[:, 0] > table[:, 1:].min(axis=1)).any():
            raise ValueError("a document has more correct spans than predicted or gold ones")
    return counts


def _table(rows: Mapping[str, Sequence[int]]) -> DocumentCounts:
    import numpy as np

    ids = tuple(sorted(rows))
    return DocumentCounts(ids, np.array([rows[id_] for id_ in ids], dtype=np.int64).reshape(len(ids), 3))
