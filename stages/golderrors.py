"""Stage golderrors: a round's disagreements with the gold labels, for supervision by gold (an ablation)."""

from __future__ import annotations

from stages.agreement import AnalysisSettings, analyse
from stages.arguments import stage_arguments
from stages.corpora.card import load_card
from stages.corpora.documents import read_documents
from stages.corpora.gold import gold_of
from stages.errors import run_main
from stages.rooms import room
from stages.rounds import round_annotations, write_evidence
from stages.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--round")
    settings = load_settings()
    place = room(arguments.benchmark)
    number = settings.round(arguments.round)
    documents = read_documents(place.pilot(number))
    analysis = analyse(
        documents,
        round_annotations(place, number, settings.pool),
        load_card(place.folder).types,
        AnalysisSettings(**settings.raw["disagreement"]),
        reference=gold_of(documents, place.gold),
    )
    write_evidence(place.evidence("gold", number), analysis, documents)


if __name__ == "__main__":
    run_main(main)
