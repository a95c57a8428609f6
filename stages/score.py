"""Stage score: compare predictions with gold. The only stage before the summary that reads gold."""

from __future__ import annotations

from stages.arguments import stage_arguments
from stages.corpora.gold import read_gold
from stages.errors import run_main
from stages.files import check, read_json, write_json
from stages.finalscore import final_metrics, final_scores
from stages.records import read_annotations
from stages.rooms import room
from stages.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark")
    settings = load_settings()
    place = room(arguments.benchmark)
    selected = read_annotations(place.predictions("selected"))
    numbers = [entry["id"] for entry in settings.raw["rounds"]]
    scores = final_scores(
        read_gold(place.gold),
        selected,
        read_annotations(place.predictions("initial")),
        {
            number: {name: read_annotations(place.annotations(number, name)) for name in settings.pool}
            for number in numbers
        },
        settings.raw["scoring"]["bootstrap_samples"],
        settings.raw["scoring"]["seed"],
    )
    metrics = final_metrics(scores, read_json(place.selection, "selection"), selected)
    check(metrics, "final_metrics", str(place.final_metrics))
    write_json(place.scores, scores)
    write_json(place.final_metrics, metrics)


if __name__ == "__main__":
    run_main(main)
