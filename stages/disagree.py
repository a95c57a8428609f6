"""Stage disagree: agreement, consensus, hotspots and the disagreement report of one round. No gold is read."""

from __future__ import annotations

from stages.agreement import (
    AnalysisSettings,
    agreement_to_json,
    analyse,
    confusion_to_json,
    disagreements_to_json,
    hotspot_to_json,
    render_report,
    tokens_frame,
)
from stages.annotator.failures import taking_part
from stages.arguments import stage_arguments
from stages.corpora.card import load_card
from stages.corpora.documents import read_documents
from stages.errors import run_main
from stages.files import atomic, check, write_json, write_jsonl, write_text
from stages.records import read_annotations
from stages.rooms import room
from stages.roundmetrics import round_metrics
from stages.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--round")
    settings = load_settings()
    place = room(arguments.benchmark)
    number = settings.round(arguments.round)
    documents = read_documents(place.pilot(number))
    answered = {name: read_annotations(place.annotations(number, name)) for name in settings.pool}
    annotations = taking_part(answered)
    analysis = analyse(
        documents,
        annotations,
        load_card(place.folder).types,
        AnalysisSettings(**settings.raw["disagreement"]),
    )
    folder = place.round(number)
    disagreements = disagreements_to_json(analysis)
    check(disagreements, "disagreements", str(folder / "disagreements.json"))
    write_json(folder / "agreement.json", agreement_to_json(analysis.agreement))
    write_json(folder / "confusion.json", confusion_to_json(analysis))
    write_json(folder / "disagreements.json", disagreements)
    write_jsonl(folder / "hotspots.jsonl", map(hotspot_to_json, analysis.hotspots))
    write_text(folder / "report.md", render_report(analysis, documents))
    with atomic(folder / "tokens.parquet") as temporary:
        tokens_frame(analysis).write_parquet(temporary)
    write_json(place.round_metrics(number), round_metrics(analysis, annotations))


if __name__ == "__main__":
    run_main(main)
