"""Counts of pilot annotations by document: what agreement and F1 of resampled documents are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from diziner.records.annotations import Annotation, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RoundCounts:
    """One round's documents D, annotators A and pairs P of these, in the order of `combinations`.

    `pairs` is D x P x 3: equal spans, spans of both, and 1 if both answered, all 0 where one failed. `scores` is
    D x A x 3: correct, predicted and gold spans; a failed document has none predicted, one that an
    annotator was not given (`absent`) nothing at all. `with_gold` has a 1 for each
    document with gold.
    """

    number: int
    ids: tuple[str, ...]
    annotators: tuple[str, ...]
    pairs: Ints
    scores: Ints
    with_gold: Ints

    def measured(self, times: Ints) -> tuple[Floats, Floats]:
        """Return agreement and F1 of each annotator, S x A each, where document d counts `times[s, d]` times.

        Agreement: the mean over the others of strict span F1, as in `diziner.agreement.pairwise`; 1.0 for a single
        annotator. Not a number where two annotators have no document in common, or no document has gold.
        """
        import numpy as np

        size = len(self.annotators)
        equal, spans, common = (times @ self.pairs[:, :, part] for part in range(3))
        pair_f1 = np.where(common > 0, np.where(spans > 0, 2 * equal / np.maximum(spans, 1), 1.0), np.nan)
        agreement = np.zeros((len(times), size))
        # Added one by one: the order of a sum shows in its last bits.
        for place, pair in enumerate(combinations(range(size), 2)):
            for member in pair:
                agreement[:, member] += pair_f1[:, place]
        agreement = agreement / (size - 1) if size > 1 else np.ones_like(agreement)
        correct, predicted, gold = (times @ self.scores[:, :, part] for part in range(3))
        f1 = np.where(predicted + gold > 0, 2 * correct / np.maximum(predicted + gold, 1), 1.0)
        return agreement, np.where((times @ self.with_gold > 0)[:, None], f1, np.nan)


def count_round(
    number: int, gold: Mapping[str, Sequence[Span]], annotations: Mapping[str, Sequence[Annotation]]
) -> RoundCounts:
    """Count one round; `annotations` maps annotators that took part to a row for each document."""
    import numpy as np

    names = tuple(sorted(annotations))
    rows = [{row.id: row for row in annotations[name]} for name in names]
    ids = tuple(sorted(set().union(*rows)))
    pairs, scores = [], []
    for id_ in ids:
        own = [by_id.get(id_) for by_id in rows]
        answers = [None if row is None or row.failure is not None else set(row.spans) for row in own]
        reference = set(gold.get(id_, ()))
        pairs.append(
            [
                (0, 0, 0) if a is None or b is None else (len(a & b), len(a) + len(b), 1)
                for a, b in combinations(answers, 2)
            ]
        )
        found = [(answer or set()) if id_ in gold else set() for answer in answers]
        given = [row is None or not row.is_absent for row in own]
        counted = zip(found, given, strict=True)
        scores.append(
            [(len(answer & reference), len(answer), len(reference) * is_given) for answer, is_given in counted]
        )
    size = len(names)
    return RoundCounts(
        number,
        ids,
        names,
        np.array(pairs, dtype=np.int64).reshape(len(ids), size * (size - 1) // 2, 3),
        np.array(scores, dtype=np.int64).reshape(len(ids), size, 3),
        np.array([id_ in gold for id_ in ids], dtype=np.int64),
    )
