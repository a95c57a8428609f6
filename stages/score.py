"""Stage score: compare predictions with gold. The only stage before the summary that reads gold."""

from __future__ import annotations

from dataclasses import asdict

from stages.arguments import stage_arguments
from stages.corpora.gold import read_gold
from stages.documentcounts import counts_to_text
from stages.errors import run_main
from stages.files import check, read_json, write_json, write_text
from stages.finalscore import count_predictions, final_metrics, final_scores
from stages.records import read_annotations, read_usage
from stages.rooms import room
from stages.settings import load_settings
from stages.usage import by_model, tokens_of


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark")
    settings = load_settings()
    place = room(arguments.benchmark)
    gold = read_gold(place.gold)
    selected = read_annotations(place.predictions("selected"))
    initial = read_annotations(place.predictions("initial"))
    scores = final_scores(
        gold,
        selected,
        initial,
        {
            number: {name: read_annotations(place.annotations(number, name)) for name in settings.pool}
            for number in settings.rounds
        },
        {number: read_json(place.round(number) / "agreement.json", "agreement")["mean"] for number in settings.rounds},
        settings.raw["scoring"]["bootstrap_samples"],
        settings.raw["scoring"]["seed"],
    )
    models = by_model(row for path in place.usage_files(settings.rounds, settings.pool) for row in read_usage(path))
    metrics = final_metrics(scores, read_json(place.selection, "selection"), selected, tokens_of(models))
    check(metrics, "final_metrics", str(place.final_metrics))
    write_json(place.model_usage, [asdict(own) for own in models])
    write_json(place.scores, scores)
    write_json(place.final_metrics, metrics)
    write_text(place.document_counts, counts_to_text(count_predictions(gold, selected, initial)))


if __name__ == "__main__":
    run_main(main)
