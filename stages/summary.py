"""Stage summary: check every score with seqeval; write metrics/summary.json and the data of plots."""

from __future__ import annotations

import sys

from stages.corpora.documents import read_documents
from stages.corpora.gold import read_gold
from stages.errors import run_main
from stages.files import check, read_json, write_json
from stages.finalscore import points_of
from stages.plotdata import Rows, agreement_rows, choice_rows, confusion_rows, cost_rows
from stages.records import read_annotations
from stages.rooms import FORECAST, PLOTS, SUMMARY, rooms
from stages.settings import load_settings
from stages.summarise import check_with_seqeval, forecast_report, summarise
from stages.usage import ModelUsage, usd_of


def main() -> None:
    settings = load_settings()
    metrics, usd, agreement, points = {}, {}, {}, {}
    plots: dict[str, Rows] = {"choice": [], "confusion": []}
    for place in rooms():
        name, gold = place.name, read_gold(place.gold)
        predictions = read_annotations(place.predictions("selected"))
        metrics[name] = read_json(place.final_metrics, "final_metrics")
        check_with_seqeval(name, metrics[name], read_documents(place.test), gold, predictions)
        models = [ModelUsage(**row) for row in read_json(place.model_usage, "model_usage")]
        usd[name] = usd_of(models, settings.endpoints)
        found = {number: read_json(place.round(number) / "agreement.json", "agreement") for number in settings.rounds}
        agreement[name] = {number: own["overall"] for number, own in found.items()}
        pilot = {int(number): own for number, own in read_json(place.scores)["pilot"].items()}
        means = {number: own["mean"] for number, own in found.items()}
        plots["choice"] += choice_rows(name, means, pilot)
        points[name] = points_of(means, pilot)
        plots["confusion"] += confusion_rows(name, gold, predictions)
    summary = summarise(metrics, usd)
    check(summary, "summary", str(SUMMARY))
    plots |= {"agreement": agreement_rows(agreement), "cost": cost_rows(summary["benchmarks"])}
    for name, rows in plots.items():
        write_json(PLOTS / f"{name}.json", rows)
    write_json(FORECAST, forecast_report(metrics, points))
    write_json(SUMMARY, summary)
    sys.stdout.write(f"{len(metrics)} benchmarks, every score as seqeval strict IOB2 gives it; see `diziner summary`\n")


if __name__ == "__main__":
    run_main(main)
