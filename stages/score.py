"""Stage score: compare predictions with gold. The only stage before the summary that reads gold."""

from __future__ import annotations

from diziner.common.errors import run_main
from diziner.common.files import check, read_json, write_json, write_text
from diziner.common.rounding import rounded
from diziner.layout import room_named
from diziner.pipeline.arguments import stage_arguments
from diziner.records.annotations import read_annotations
from diziner.records.gold import read_gold
from diziner.records.usage import read_usage
from diziner.results.final_scores import count_predictions, final_metrics, final_scores
from diziner.results.room_metrics import SCHEMA, room_metrics, room_metrics_text
from diziner.results.usage import by_model, tokens_of
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    gold = read_gold(room.gold)
    selected = read_annotations(room.predictions("selected"))
    initial = read_annotations(room.predictions("initial"))
    scores = final_scores(
        gold,
        selected,
        initial,
        {
            number: {name: read_annotations(room.annotations(number, name)) for name in settings.pool}
            for number in settings.rounds
        },
        {number: read_json(room.round(number) / "agreement.json", "agreement")["mean"] for number in settings.rounds},
        settings.scoring.bootstrap_samples,
        settings.scoring.seed,
    )
    used = room.usage_files(settings.rounds, settings.pool, settings.selection.sampled)
    models = by_model(row for path in used for row in read_usage(path))
    selection = read_json(room.selection, "selection")
    metrics = room_metrics(
        final_metrics(scores, selection, selected, tokens_of(models)),
        rounded([selection["overall"][str(number)] for number in settings.rounds]),
        models,
        count_predictions(gold, selected, initial),
    )
    check(metrics, SCHEMA, str(room.final_metrics))
    write_json(room.scores, scores)
    write_text(room.final_metrics, room_metrics_text(metrics))


if __name__ == "__main__":
    run_main(main)
