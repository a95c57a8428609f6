"""The headline figures of a benchmark (metrics/final/<benchmark>.json), each declared once.

The file (its form: `room_metrics`), its schema, the check against document counts, the rows of metrics/summary.json
and their schema follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation

SHARE = {"type": ["number", "null"]}
COUNT = {"type": "integer", "minimum": 0}
CORRELATION = {
    "type": ["number", "null"],
    "minimum": -1,
    "maximum": 1,
    "description": "of agreement with F1 over annotators and rounds, on pilot documents; null without gold or with "
    "fewer than four points; metrics/correlation.json has its interval",
}


@dataclass(frozen=True, slots=True)
class Final:
    """Sources of figures: scores.json, selection.json, the selected predictions, tokens of all answers."""

    scores: Mapping[str, Any]
    selection: Mapping[str, Any] = field(default_factory=dict)
    predictions: Sequence[Annotation] = ()
    tokens: int | None = None

    def part(self, *keys: str) -> Any:
        """Return a value inside the scores; None where something on the way is null: there is no gold."""
        value: Any = self.scores
        for key in keys:
            value = None if value is None else value[key]
        return value

    @property
    def overall(self) -> list[float]:
        """Overall agreement by round."""
        return [self.selection["overall"][key] for key in sorted(self.selection["overall"], key=int)]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: its name, its value, and the JSON Schema of that.

    `counted`: it follows from the counts of documents alone, and is checked against them. `in_summary`: it stands in
    the benchmark's row of summary.json; `averaged`: and among the means over benchmarks.
    """

    name: str
    of: Callable[[Final], Any]
    schema: Mapping[str, Any]
    counted: bool = False
    in_summary: bool = False
    averaged: bool = False


def _drop_share(final: Final) -> float:
    """Return answered mentions that could not be used, of all answered."""
    dropped = sum(sum(row.drops.values()) for row in final.predictions)
    used = sum(len(row.spans) for row in final.predictions)
    return float(rounded(dropped / (dropped + used))) if dropped + used else 0.0


def _failed_share(final: Final) -> float:
    return float(rounded(sum(row.failure is not None for row in final.predictions) / len(final.predictions)))


def _counted(name: str, *keys: str, in_summary: bool = True, averaged: bool = False) -> Figure:
    return Figure(name, lambda final: final.part(*keys), SHARE, True, in_summary, averaged)


# What DVC compares of each room, first in its metrics file: 18 rooms and the summary must stay below 60 columns.
HEADLINE = ("f1", "agreement_selected", "f1_round0")

FIGURES: tuple[Figure, ...] = (
    Figure("protocol", lambda final: final.scores["protocol"], {"type": "string"}, in_summary=True),
    Figure("annotator", lambda final: final.selection["annotator"], {"type": "string"}, in_summary=True),
    Figure("round", lambda final: final.selection["round"], COUNT, in_summary=True),
    Figure("rounds", lambda final: len(final.overall), {"type": "integer", "minimum": 1}, in_summary=True),
    Figure("documents", lambda final: len(final.predictions), COUNT, in_summary=True),
    _counted("f1", "selected", "micro", "f1", averaged=True),
    _counted("f1_low", "interval", "low"),
    _counted("f1_high", "interval", "high"),
    _counted("precision", "selected", "micro", "precision", in_summary=False),
    _counted("recall", "selected", "micro", "recall", in_summary=False),
    Figure("macro_f1", lambda final: final.part("selected", "macro_f1"), SHARE),
    _counted("f1_round0", "initial", "micro", "f1", in_summary=False),
    _counted("gain", "gain", "difference", averaged=True),
    _counted("gain_low", "gain", "low"),
    _counted("gain_high", "gain", "high"),
    Figure("agreement_first", lambda final: rounded(final.overall[0]), SHARE, in_summary=True, averaged=True),
    Figure("agreement_last", lambda final: rounded(final.overall[-1]), SHARE, in_summary=True, averaged=True),
    Figure(
        "agreement_selected",
        lambda final: rounded(final.selection["mean"][final.selection["annotator"]]),
        {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "mean agreement of the chosen annotator in the chosen round",
        },
    ),
    Figure("pearson", lambda final: final.part("validity", "correlations", "pearson", "value"), CORRELATION),
    Figure("spearman", lambda final: final.part("validity", "correlations", "spearman", "value"), CORRELATION),
    Figure("drop_share", _drop_share, SHARE),
    Figure("failed_share", _failed_share, SHARE, in_summary=True),
    Figure(
        "tokens",
        lambda final: final.tokens,
        {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "prompt and completion tokens of all answers behind the benchmark's outputs; null if an "
            "answer is not at hand",
        },
        in_summary=True,
    ),
)


def figures_of(final: Final, counted_only: bool = False) -> dict[str, Any]:
    """Return every figure by name, or those alone that follow from counts of documents."""
    return {figure.name: figure.of(final) for figure in FIGURES if figure.counted or not counted_only}
