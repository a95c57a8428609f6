"""Stage golderrors: a round's disagreements with the gold labels, for supervision by gold (an ablation)."""

from __future__ import annotations

from diziner.agreement.analysis import analyse
from diziner.common.errors import run_main
from diziner.corpora.card import load_card
from diziner.layout import room_named
from diziner.pipeline.arguments import stage_arguments
from diziner.pipeline.evidence_files import round_annotations, type_names, write_evidence
from diziner.records.documents import read_documents
from diziner.records.gold import gold_of
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark", "--round")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    number = settings.round(arguments.round)
    documents = read_documents(room.pilot(number))
    analysis = analyse(
        documents,
        round_annotations(room, number, settings.pool),
        load_card(room.folder).types,
        settings.disagreement,
        reference=gold_of(documents, room.gold),
    )
    write_evidence(room.evidence("gold", number), analysis, documents, type_names(room, settings.start))


if __name__ == "__main__":
    run_main(main)
