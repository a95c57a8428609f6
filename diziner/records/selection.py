"""The label-free choice of round and annotator (selection.schema.json)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Voter:
    """An annotator that votes on the test documents: its weight and settings."""

    weight: float
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Selection:
    """The label-free choice: round by overall agreement, annotator by its mean agreement in that round.

    `settings` are the chosen annotator's, so that `predict` depends on nothing else. `voters` are the round's
    coalition where its vote predicts, else empty; `consensus` is how they vote (io or bio, as in params). `scores`:
    those that took the place of agreement, by round and annotator; empty where agreement chose.
    """

    round: int
    annotator: str
    settings: Mapping[str, object]
    overall: Mapping[int, float]  # round -> overall agreement
    mean: Mapping[str, float]  # annotator -> mean agreement in the chosen round
    voters: Mapping[str, Voter] = field(default_factory=dict)
    consensus: str = "io"
    scores: Mapping[int, Mapping[str, float]] = field(default_factory=dict)


def selection_to_json(selection: Selection) -> dict[str, Any]:
    """Return selection.json."""
    scores = {
        str(number): {name: round(value, 9) for name, value in sorted(own.items())}
        for number, own in sorted(selection.scores.items())
    }
    return {
        "round": selection.round,
        "annotator": selection.annotator,
        "settings": dict(selection.settings),
        "overall": {str(number): round(value, 9) for number, value in sorted(selection.overall.items())},
        "mean": {name: round(value, 9) for name, value in sorted(selection.mean.items())},
        "voters": {
            name: {"weight": round(voter.weight, 9), "settings": dict(voter.settings)}
            for name, voter in sorted(selection.voters.items())
        },
        "consensus": selection.consensus,
    } | ({"scores": scores} if scores else {})


def selection_from_json(value: Mapping[str, Any]) -> Selection:
    """Return the inverse of `selection_to_json`."""
    return Selection(
        value["round"],
        value["annotator"],
        value["settings"],
        {int(number): agreement for number, agreement in value["overall"].items()},
        value["mean"],
        {name: Voter(**voter) for name, voter in value["voters"].items()},
        value.get("consensus", "io"),  # files of before the setting lack it
        {int(number): own for number, own in value.get("scores", {}).items()},
    )
