"""Scores of one benchmark: test predictions under both guidelines, pilot annotations round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stages.contracts import Annotation, Span
from stages.ner.bootstrap import document_bootstrap, document_counts, paired_bootstrap
from stages.ner.scoring import STRICT_PROTOCOL, Scores, strict_span_scores

Gold = Mapping[str, Sequence[Span]]
_PLACES = 6


def score_predictions(gold: Gold, predictions: Sequence[Annotation]) -> Scores | None:
    """Strict scores over the predicted documents that have gold; a failed document counts as nothing found.

    None if no predicted document has gold.
    """
    predicted = {row.id: row.spans for row in predictions if row.id in gold}
    return strict_span_scores({name: gold[name] for name in predicted}, predicted) if predicted else None


def final_scores(
    gold: Gold,
    selected: Sequence[Annotation],
    initial: Sequence[Annotation],
    pilot: Mapping[int, Mapping[str, Sequence[Annotation]]],
    samples: int,
    seed: int,
) -> dict[str, Any]:
    """scores.json: everything that gold says, which nothing label-free reads.

    `selected` and `initial` are the chosen annotator's predictions on the test documents by the selected and
    by round 0's guideline; `pilot` maps round -> annotator -> annotations.
    """
    scores = {
        "protocol": STRICT_PROTOCOL,
        "selected": _detail(score_predictions(gold, selected)),
        "initial": _detail(score_predictions(gold, initial)),
        "pilot": {
            str(number): {
                name: _rounded(found.micro.f1) if (found := score_predictions(gold, rows)) else None
                for name, rows in sorted(annotators.items())
            }
            for number, annotators in sorted(pilot.items())
        },
        "interval": None,
        "gain": None,
    }
    after, before = _spans(gold, selected), _spans(gold, initial)
    if after:
        reference = {name: gold[name] for name in after}
        counts, counts_before = document_counts(reference, after), document_counts(reference, before)
        interval = document_bootstrap(counts.counts, samples, seed=seed)
        scores["interval"] = _rounded_all(asdict(interval))
        scores["gain"] = _rounded_all(asdict(paired_bootstrap(counts.counts, counts_before.counts, samples, seed=seed)))
    return scores


def final_metrics(
    scores: Mapping[str, Any],
    selection: Mapping[str, Any],
    selected: Sequence[Annotation],
) -> dict[str, Any]:
    """The headline figures (metrics/final/<benchmark>.json): the same keys for every benchmark, null without gold."""
    micro = (scores["selected"] or {}).get("micro", {})
    overall = [selection["overall"][key] for key in sorted(selection["overall"], key=int)]
    dropped = sum(sum(row.drops.values()) for row in selected)
    used = sum(len(row.spans) for row in selected)
    return {
        "protocol": scores["protocol"],
        "annotator": selection["annotator"],
        "round": selection["round"],
        "documents": len(selected),
        "f1": micro.get("f1"),
        "f1_low": (scores["interval"] or {}).get("low"),
        "f1_high": (scores["interval"] or {}).get("high"),
        "precision": micro.get("precision"),
        "recall": micro.get("recall"),
        "macro_f1": (scores["selected"] or {}).get("macro_f1"),
        "f1_round0": (scores["initial"] or {}).get("micro", {}).get("f1"),
        "gain": (scores["gain"] or {}).get("difference"),
        "agreement_first": _rounded(overall[0]),
        "agreement_last": _rounded(overall[-1]),
        "drop_share": _rounded(dropped / (dropped + used)) if dropped + used else 0.0,
        "failed_share": _rounded(sum(row.failure is not None for row in selected) / len(selected)),
    }


def _spans(gold: Gold, predictions: Sequence[Annotation]) -> dict[str, tuple[Span, ...]]:
    return {row.id: row.spans for row in predictions if row.id in gold}


def _detail(scores: Scores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {
        "micro": _rounded_all(asdict(scores.micro)),
        "macro_f1": _rounded(scores.macro_f1),
        "types": {label: _rounded_all(asdict(score)) for label, score in sorted(scores.per_type.items())},
    }


def _rounded(value: float) -> float:
    return round(value, _PLACES)


def _rounded_all(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _rounded(value) if isinstance(value, float) else value for key, value in values.items()}
