"""Stage disagree: agreement, consensus, hotspots and the disagreement report of one round. No gold is read."""

from __future__ import annotations

from stages.agreement import (
    AnalysisSettings,
    agreement_to_json,
    analyse,
    confusion_to_json,
    hotspot_to_json,
    tokens_frame,
)
from stages.arguments import stage_arguments
from stages.corpora.card import load_card
from stages.corpora.documents import read_documents
from stages.errors import run_main
from stages.files import atomic, write_json, write_jsonl
from stages.rooms import room
from stages.roundmetrics import round_metrics
from stages.rounds import round_annotations, write_evidence
from stages.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--round")
    settings = load_settings()
    place = room(arguments.benchmark)
    number = settings.round(arguments.round)
    documents = read_documents(place.pilot(number))
    annotations = round_annotations(place, number, settings.pool)
    analysis = analyse(
        documents,
        annotations,
        load_card(place.folder).types,
        AnalysisSettings(**settings.raw["disagreement"]),
    )
    folder = place.round(number)
    write_evidence(folder, analysis, documents)
    write_json(folder / "agreement.json", agreement_to_json(analysis.agreement))
    write_json(folder / "confusion.json", confusion_to_json(analysis))
    write_jsonl(folder / "hotspots.jsonl", map(hotspot_to_json, analysis.hotspots))
    with atomic(folder / "tokens.parquet") as temporary:
        tokens_frame(analysis).write_parquet(temporary)
    write_json(place.round_metrics(number), round_metrics(analysis, annotations))


if __name__ == "__main__":
    run_main(main)
