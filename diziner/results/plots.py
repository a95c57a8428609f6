"""Data of DVC's plots (metrics/plots/*.json): small tables of plain rows, sorted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation, Span

Rows = list[dict[str, Any]]
NONE = "none"  # the type of no entity


def agreement_rows(agreement: Mapping[str, Mapping[int, float]]) -> Rows:
    """Return the overall agreement per round: `agreement` maps benchmark -> round -> mean pairwise strict span F1."""
    return [
        {"benchmark": name, "round": number, "agreement": rounded(value)}
        for name, rounds in sorted(agreement.items())
        for number, value in sorted(rounds.items())
    ]


def choice_rows(
    name: str, agreement: Mapping[int, Mapping[str, float]], pilot: Mapping[int, Mapping[str, float | None]]
) -> Rows:
    """Return F1 against agreement: a row for each annotator and round of one benchmark, on the same pilot documents.

    `agreement` maps round -> annotator -> mean agreement with the others, `pilot` the same to F1 against gold,
    None without gold: no row.
    """
    return [
        {"benchmark": name, "round": number, "annotator": annotator, "agreement": rounded(value), "f1": f1}
        for number, annotators in sorted(agreement.items())
        for annotator, value in sorted(annotators.items())
        if (f1 := pilot.get(number, {}).get(annotator)) is not None
    ]


def confusion_rows(name: str, gold: Mapping[str, Sequence[Span]], predictions: Iterable[Annotation]) -> Rows:
    """Return types of one benchmark's test mentions, gold against prediction, counted over mentions with equal bounds.

    A mention that only one side has, with exactly these bounds, is of type `none` on the other side.
    """
    counted: Counter[tuple[str, str]] = Counter()
    for row in predictions:
        if row.id not in gold:
            continue
        true = {(span.start, span.end): span.type for span in gold[row.id]}
        said = {(span.start, span.end): span.type for span in row.spans}
        counted.update((true.get(place, NONE), said.get(place, NONE)) for place in true.keys() | said.keys())
    return [
        {"benchmark": name, "gold": pair[0], "predicted": pair[1], "mentions": count}
        for pair, count in sorted(counted.items())
    ]


def cost_rows(rows: Iterable[Mapping[str, Any]]) -> Rows:
    """Return F1 against cost: a row for each benchmark of the summary that has both a score and its tokens."""
    return [
        {key: row[key] for key in ("benchmark", "annotator", "f1", "tokens", "usd")}
        for row in rows
        if row["f1"] is not None and row["tokens"] is not None
    ]
