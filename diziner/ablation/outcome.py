"""Outcomes of variants: headline figures and what changed in them from the settings as they are, paired by document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diziner.ablation.agreement import (
    Difference,
    common_annotators,
    draw_documents,
    mean_difference,
    resampled_agreement,
    same_documents,
)
from diziner.ablation.pilot import PilotRound
from diziner.common.files import read_json
from diziner.common.rounding import rounded
from diziner.common.tables import text_table
from diziner.layout import Room
from diziner.results.room_metrics import counts_in, figures_in, read_room_metrics
from diziner.scoring.bootstrap import paired_bootstrap
from diziner.scoring.power import Design, assumed_differences, paired_differences, smallest_change, spread
from diziner.settings import ScoringSettings, Settings

BASE = "as it is"  # the settings without a change, which variants are compared with
COPIES = Path(".ablations")

Results = dict[str, dict[str, Any]]  # variant -> benchmark -> figures


def folder_of(variant: str) -> Path:
    """Return where a variant runs."""
    return COPIES / variant.replace(" ", "_")  # no variant's name has a _


def result_table(results: Results) -> str:
    """Return a row for each benchmark and variant, with the change of F1 from the settings as they are.

    Smallest seen: the true change of F1 that these n documents show with probability 0.8.
    The change is on the same test documents, by whichever annotator and round each run selected; that of agreement,
    in the selected rounds, on the same pilot documents and over the annotators of both. Empty where they differ.
    """
    rows = []
    for benchmark in results[BASE]:
        for name, found in results.items():
            row = found[benchmark]
            f1 = row["f1"]
            chosen = f"vote of {row['voters']}" if row["voters"] else row["annotator"]
            rows.append(
                (
                    benchmark,
                    name,
                    f"{row['agreement_first']:.3f} -> {row['agreement_last']:.3f}",
                    _shown(row["agreement_change"]),
                    f"{chosen}, round {row['round']}",
                    "no gold" if f1 is None else f"{f1:.3f} [{row['f1_low']:.3f}, {row['f1_high']:.3f}]",
                    _shown(row["change"]),
                    "" if row["smallest_change"] is None else f"{row['smallest_change']:.3f}",
                    str(row["documents"]),
                )
            )
    head = (
        "benchmark",
        "variant",
        "agreement",
        "change, 95 %",
        "selected",
        "strict span F1, 95 %",
        "change, 95 %",
        "smallest seen",
        "n",
    )
    return text_table(head, rows)


def _shown(change: Mapping[str, float] | None) -> str:
    return f"{change['difference']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]" if change else ""


def figures(
    name: str, room: Room, pilots: Mapping[str, Mapping[str, PilotRound]], settings: Settings
) -> dict[str, Any]:
    folder = folder_of(name)
    figures = figures_in(read_room_metrics(folder / room.final_metrics))
    voters = read_json(folder / room.selection, "selection")["voters"]
    changes: dict[str, Any] = {"change": None, "smallest_change": None, "agreement_change": None}
    if name != BASE:
        scoring = settings.scoring
        agreed = _agreement_change(pilots[name][room.name], pilots[BASE][room.name], scoring)
        changes = {**_change(folder, room, scoring), "agreement_change": agreed and asdict(agreed)}
    return figures | {"voters": len(voters)} | changes


def _change(folder: Path, room: Room, scoring: ScoringSettings) -> dict[str, Any]:
    """Return the change of F1 from the settings as they are, paired by document, and the smallest true one that these
    documents show (1.0: none); None if documents or gold differ."""
    before, after = (
        counts_in(read_room_metrics(copy / room.final_metrics)).selected for copy in (folder_of(BASE), folder)
    )
    if not after.ids or before.ids != after.ids or (before.counts[:, 2] != after.counts[:, 2]).any():
        return {"change": None, "smallest_change": None}
    found = paired_bootstrap(after.counts, before.counts, scoring.bootstrap_samples, seed=scoring.seed)
    differences = paired_differences(after.counts, before.counts) or assumed_differences(spread(before.counts))
    smallest = differences and (smallest_change(differences, len(after.ids), Design()) or 1.0)
    return {
        "change": {key: rounded(getattr(found, key)) for key in ("difference", "low", "high")},
        "smallest_change": rounded(smallest),
    }


def _agreement_change(after: PilotRound, before: PilotRound, scoring: ScoringSettings) -> Difference | None:
    """Return the change of overall agreement, paired by document; None if documents differ or fewer than two annotators
    took part in both."""
    names = common_annotators([after, before])
    if len(names) < 2 or not same_documents(after, before):
        return None
    drawn = draw_documents({"": len(after.documents)}, scoring.bootstrap_samples, scoring.seed)[""]
    one, other = (resampled_agreement(run, names, drawn) for run in (after, before))
    return mean_difference({"": one}, {"": other})
