"""Results of a room on their way to other tools: what `diziner export` does with forms for figures, not labels."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_json, write_text
from diziner.compare.revisions import committed_at
from diziner.corpora.card import load_card
from diziner.layout import Room
from diziner.results.exchange import Result, every_eval_ever, log_to_mlflow
from diziner.results.room_metrics import figures_in, read_room_metrics
from diziner.settings import Settings, load_settings

EVERY_EVAL_EVER, MLFLOW = "every-eval-ever", "mlflow"
RESULTS = {
    EVERY_EVAL_EVER: "a record of Every Eval Ever (JSON, schema 0.3.0): scores, intervals, what was asked how",
    MLFLOW: "a run in an MLflow database (SQLite), added to what is in it; needs `diziner[mlflow]`",
}
SAMPLE = "diziner's own sample, not the benchmark's text, in the manner of"


def write_results(room: Room, options: argparse.Namespace) -> str:
    """Write a room's results, and return what was written, in words.

    Errors: UserError for a room without results, figures that are not committed, a record without an organization.
    """
    result = result_of(room, load_settings())
    if options.to == MLFLOW:
        log_to_mlflow(result, options.out)
        return f"{options.out}: a run of {result.benchmark}"
    if not options.organization:
        raise UserError(f"--to {EVERY_EVAL_EVER}: say who made the run: --organization NAME")
    record = every_eval_ever(result, options.organization)
    write_text(options.out, f"{json.dumps(record, ensure_ascii=False, indent=2)}\n")
    return f"{options.out}: {len(record['evaluation_results'])} results of {result.benchmark}"


def result_of(room: Room, settings: Settings) -> Result:
    """Return what a run of a room came to, as it is committed."""
    if not room.has_results():
        raise UserError(f"{room.name}: {room.final_metrics} is not there; run `dvc repro {room.folder}/dvc.yaml`")
    metrics = read_room_metrics(room.final_metrics)
    figures = figures_in(metrics)
    card, source = load_card(room.folder), settings.source(room.name)
    annotator = settings.annotator(figures["annotator"])
    model = annotator.model
    how = {"annotator": annotator.name, "kind": annotator.kind, "guideline_round": str(figures["round"])}
    if model is not None:
        how |= {"endpoint": model.endpoint, "prompt": annotator.prompt, "style": annotator.style}
        how |= {"revision": model.revision} if model.revision else {}
    entry = card.sources.get(source)
    decoding = ("temperature", "top_p", "max_tokens")
    return Result(
        benchmark=room.name,
        title=f"{SAMPLE} {card.title}" if source == "sample" and card.sample_is_stand_in else card.title,
        model=model.model if model else annotator.name,
        how=how,
        figures=figures,
        rounds=_rounds(room, settings.rounds, metrics["agreement_by_round"]),
        source=source,
        repository=str(entry.options.get("id", "")) if source == "hub" and entry else "",
        local=model is not None and settings.endpoints[model.endpoint].backend.runs_here,
        at=committed_at(Path(room.final_metrics)),
        decoding={key: getattr(model, key) for key in decoding} if model else {},
    )


def _rounds(room: Room, numbers: Iterable[int], agreement: Sequence[float]) -> dict[int, dict[str, Any]]:
    """Return the figures of each round, in a clone without outputs its agreement alone."""
    found = {number: {"agreement": value} for number, value in zip(numbers, agreement, strict=False)}
    there = (number for number in numbers if room.round_metrics(number).is_file())
    return found | {number: read_json(room.round_metrics(number), "round_metrics") for number in there}
