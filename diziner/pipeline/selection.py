"""Label-free choice of round and annotator (method section 9; without the reference's defect D3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

from diziner.common.errors import UserError
from diziner.records.agreement import Agreement
from diziner.records.selection import Selection, Voter


def select(
    agreements: Mapping[int, Agreement],
    settings: Mapping[str, Mapping[str, Any]],
    predictor: str = "annotator",
    consensus: str = "io",
    scores: Mapping[int, Mapping[str, Fraction]] | None = None,
    files: Collection[str] = (),
) -> Selection:
    """Choose the round of the highest overall agreement, in it the annotator of the highest mean agreement.

    Rounds are compared by the annotators that took part in all of them, if these are two or more: a round in which
    somebody was left out would win by that alone. `overall` of the selection is the agreement so compared.
    Labels that came as `files` take part in agreement, but are not chosen and do not vote: they cannot label test
    documents. Ties go to the earlier round (fewer instructions) and to the first name, so that the choice is defined.
    `agreements` maps round -> agreement, `settings` annotator -> its entry of params. `predictor`: annotator, or
    coalition for the weighted vote of the chosen round's coalition, which votes by `consensus` (io or bio). `scores`
    (round -> annotator -> score, the same annotators in every round; `diziner.pipeline.glape`) take the place of
    agreement where they are given.
    """
    everywhere = set.intersection(*(set(agreement.annotators) for agreement in agreements.values()))
    overall = {k: agreement.among(everywhere) for k, agreement in agreements.items()}
    number = min(overall, key=lambda k: (-overall[k], k))
    if scores is not None:
        number = min(scores, key=lambda k: (-sum(scores[k].values(), Fraction(0)), k))
    chosen = agreements[number]
    by_annotator: Mapping[str, float | Fraction] = chosen.mean if scores is None else scores[number]
    able = [name for name in by_annotator if name not in files]
    if not able:
        raise UserError(f"selection: nobody can label test documents: {', '.join(by_annotator)} are labels from files")
    annotator = min(able, key=lambda name: (-by_annotator[name], name))
    members = [name for name in chosen.coalition if name in able] if predictor == "coalition" else []
    return Selection(
        number,
        annotator,
        settings[annotator],
        overall=overall,
        mean=dict(chosen.mean),
        voters={name: Voter(chosen.weights[name], settings[name]) for name in sorted(members)},
        consensus=consensus,
        scores={k: {name: float(score) for name, score in own.items()} for k, own in (scores or {}).items()},
    )
