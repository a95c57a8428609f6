"""Stage summary: check every score with seqeval; write metrics/summary.json and the data of plots."""

from __future__ import annotations

import sys

from diziner.common.errors import run_main
from diziner.common.files import check, read_json, write_json
from diziner.common.words import counted
from diziner.layout import CORRELATION, FORECAST, PLOTS, SUMMARY, Room, rooms
from diziner.pipeline.arguments import stage_arguments
from diziner.records.annotations import read_annotations
from diziner.records.documents import read_documents
from diziner.records.gold import read_gold
from diziner.results.correlation_report import correlation_report
from diziner.results.final_scores import points_of
from diziner.results.plots import Rows, agreement_rows, choice_rows, confusion_rows, cost_rows
from diziner.results.room_metrics import figures_in, read_room_metrics, usage_in
from diziner.results.summary import check_with_seqeval, forecast_report, summarise
from diziner.results.usage import usd_of
from diziner.settings import load_settings


def main() -> None:
    stage_arguments(__file__, __doc__)
    settings = load_settings()
    metrics, usd, agreement, points, validity = {}, {}, {}, {}, {}
    plots: dict[str, Rows] = {"choice": [], "confusion": []}
    for room in filter(Room.has_results, rooms()):  # the others were left out of the run
        name, gold, documents = room.name, read_gold(room.gold), read_documents(room.test)
        predictions = read_annotations(room.predictions("selected"), documents)
        whole = read_room_metrics(room.final_metrics)
        metrics[name] = figures_in(whole)
        check_with_seqeval(name, metrics[name], documents, gold, predictions)
        usd[name] = usd_of(usage_in(whole), settings.endpoints)
        found = {number: read_json(room.round(number) / "agreement.json", "agreement") for number in settings.rounds}
        agreement[name] = {number: own["overall"] for number, own in found.items()}
        scores = read_json(room.scores, "scores")
        validity[name] = scores["validity"]
        pilot = {int(number): own for number, own in scores["pilot"].items()}
        means = {number: own["mean"] for number, own in found.items()}
        plots["choice"] += choice_rows(name, means, pilot)
        points[name] = points_of(means, pilot)
        plots["confusion"] += confusion_rows(name, gold, predictions)
    summary = summarise(metrics, usd)
    check(summary, "summary", str(SUMMARY))
    plots |= {"agreement": agreement_rows(agreement), "cost": cost_rows(summary["benchmarks"])}
    for name, rows in plots.items():
        write_json(PLOTS / f"{name}.json", rows)
    correlation = correlation_report(validity)
    check(correlation, "correlation", str(CORRELATION))
    write_json(CORRELATION, correlation)
    write_json(FORECAST, forecast_report(metrics, points))
    write_json(SUMMARY, summary)
    sys.stdout.write(
        f"{counted(len(metrics), 'benchmark')}, every score as seqeval strict IOB2 gives it; see `diziner summary`\n"
    )


if __name__ == "__main__":
    run_main(main)
