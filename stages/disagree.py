"""Stage disagree: agreement, consensus, hotspots and the disagreement report of one round. No gold is read."""

from __future__ import annotations

from diziner.agreement.analysis import analyse
from diziner.agreement.files import confusion_to_json, tokens_frame
from diziner.common.errors import run_main
from diziner.common.files import atomic, write_json, write_jsonl
from diziner.corpora.card import load_card
from diziner.layout import room_named
from diziner.pipeline.arguments import stage_arguments
from diziner.pipeline.evidence_files import round_annotations, type_names, write_evidence
from diziner.records.agreement import agreement_to_json
from diziner.records.disagreements import hotspot_to_json
from diziner.records.documents import read_documents
from diziner.results.round_metrics import round_metrics
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark", "--round")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    number = settings.round(arguments.round)
    documents = read_documents(room.pilot(number))
    annotations = round_annotations(room, number, settings.pool)
    analysis = analyse(
        documents,
        annotations,
        load_card(room.folder).types,
        settings.disagreement,
    )
    folder = room.round(number)
    write_evidence(folder, analysis, documents, type_names(room, settings.start), settings.no_models)
    write_json(folder / "agreement.json", agreement_to_json(analysis.agreement))
    write_json(folder / "confusion.json", confusion_to_json(analysis))
    write_jsonl(folder / "hotspots.jsonl", map(hotspot_to_json, analysis.hotspots))
    with atomic(folder / "tokens.parquet") as temporary:
        tokens_frame(analysis).write_parquet(temporary)
    write_json(room.round_metrics(number), round_metrics(analysis, annotations))


if __name__ == "__main__":
    run_main(main)
