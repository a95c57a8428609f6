"""Scores of one benchmark: test predictions under both guidelines, pilot annotations round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation, Span, taking_part
from diziner.results.correlation_intervals import estimates
from diziner.results.document_counts import PredictionCounts
from diziner.results.figures import Final, figures_of
from diziner.results.pilot_counts import count_round
from diziner.results.validity import Point, oracle
from diziner.scoring.bootstrap import document_bootstrap, document_counts, paired_bootstrap
from diziner.scoring.strict import SCORED, STRICT_PROTOCOL, Scores, strict_span_scores

Gold = Mapping[str, Sequence[Span]]


def score_predictions(gold: Gold, predictions: Sequence[Annotation]) -> Scores | None:
    """Return strict scores over the predicted documents that have gold; a failed document counts as nothing found.

    None if no predicted document has gold.
    """
    predicted = {row.id: row.spans for row in predictions if row.id in gold}
    return strict_span_scores({name: gold[name] for name in predicted}, predicted) if predicted else None


def count_predictions(gold: Gold, selected: Sequence[Annotation], initial: Sequence[Annotation]) -> PredictionCounts:
    """Return counts of every test document that has gold, by both guidelines; no documents if none has."""
    after, before = _spans(gold, selected), _spans(gold, initial)
    reference = {name: gold[name] for name in after}
    return PredictionCounts(document_counts(reference, after), document_counts(reference, before))


def final_scores(
    gold: Gold,
    selected: Sequence[Annotation],
    initial: Sequence[Annotation],
    pilot: Mapping[int, Mapping[str, Sequence[Annotation]]],
    agreement: Mapping[int, Mapping[str, float]],
    samples: int,
    seed: int,
) -> dict[str, Any]:
    """Return scores.json: everything that gold says, which nothing label-free reads.

    `selected` and `initial` are the predictions on the test documents by the selected and by round 0's guideline;
    `pilot` maps round -> annotator -> annotations, `agreement` the same to mean agreement. `validity` says whether
    agreement was worth following on the pilot documents: its correlations with F1 over annotators and rounds, each
    an `Estimate`, and what an oracle that sees gold would have chosen, which is no result of the method.
    """
    asked = {number: taking_part(annotators) for number, annotators in sorted(pilot.items())}
    pilot_f1 = {
        number: {
            name: rounded(found.micro.f1) if (found := score_predictions(gold, _given(rows))) else None
            for name, rows in sorted(annotators.items())
        }
        for number, annotators in asked.items()
    }
    points = points_of(agreement, pilot_f1)
    best = oracle(points)
    counts = [count_round(number, gold, annotators) for number, annotators in asked.items()]
    scores: dict[str, Any] = {
        "protocol": STRICT_PROTOCOL,
        "scored": SCORED,
        "selected": _detail(score_predictions(gold, selected)),
        "initial": _detail(score_predictions(gold, initial)),
        "pilot": {str(number): own for number, own in pilot_f1.items()},
        "validity": {
            "points": len(points),
            "resamples": samples,
            "correlations": estimates(points, counts, samples, seed),
            "oracle": None if best is None else rounded(asdict(best)),
        },
        "interval": None,
        "gain": None,
    }
    after, before = count_predictions(gold, selected, initial)
    if after.ids:
        scores["interval"] = rounded(asdict(document_bootstrap(after.counts, samples, seed=seed)))
        scores["gain"] = rounded(asdict(paired_bootstrap(after.counts, before.counts, samples, seed=seed)))
    return scores


def _given(rows: Sequence[Annotation]) -> list[Annotation]:
    """Return the rows of documents that an annotator was given: people may have labelled only some."""
    return [row for row in rows if not row.is_absent]


def final_metrics(
    scores: Mapping[str, Any],
    selection: Mapping[str, Any],
    selected: Sequence[Annotation],
    tokens: int | None = None,
) -> dict[str, Any]:
    """Return the headline figures by name: the same for every benchmark, null without gold.

    `tokens` are those of all answers behind the benchmark's outputs; None if an answer is not at hand.
    """
    return figures_of(Final(scores, selection, selected, tokens))


def _spans(gold: Gold, predictions: Sequence[Annotation]) -> dict[str, tuple[Span, ...]]:
    return {row.id: row.spans for row in predictions if row.id in gold}


def points_of(
    agreement: Mapping[int, Mapping[str, float]], pilot: Mapping[int, Mapping[str, float | None]]
) -> list[Point]:
    """Return a point for each annotator and round that has gold, in order."""
    return [
        Point(number, name, value, f1)
        for number, own in sorted(agreement.items())
        for name, value in sorted(own.items())
        if (f1 := pilot.get(number, {}).get(name)) is not None
    ]


def _detail(scores: Scores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {
        "micro": rounded(asdict(scores.micro)),
        "macro_f1": rounded(scores.macro_f1),
        "types": {label: rounded(asdict(score)) for label, score in sorted(scores.per_type.items())},
    }
