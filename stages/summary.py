"""Stage summary: check every score with seqeval, write metrics/summary.json."""

from __future__ import annotations

import sys

from stages.corpora.documents import read_documents
from stages.corpora.gold import read_gold
from stages.errors import run_main
from stages.files import check, read_json, write_json
from stages.records import read_annotations
from stages.rooms import SUMMARY, rooms
from stages.summarise import check_with_seqeval, summarise


def main() -> None:
    metrics = {}
    for place in rooms():
        metrics[place.name] = read_json(place.final_metrics, "final_metrics")
        check_with_seqeval(
            place.name,
            metrics[place.name],
            read_documents(place.test),
            read_gold(place.gold),
            read_annotations(place.predictions("selected")),
        )
    summary = summarise(metrics)
    check(summary, "summary", str(SUMMARY))
    write_json(SUMMARY, summary)
    sys.stdout.write(f"{len(metrics)} benchmarks, every score as seqeval strict IOB2 gives it; see `diziner summary`\n")


if __name__ == "__main__":
    run_main(main)
