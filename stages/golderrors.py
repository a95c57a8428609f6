"""Stage golderrors: a round's disagreements with the gold labels, for supervision by gold (an ablation)."""

from __future__ import annotations

from stages.agreement import AnalysisSettings, analyse, disagreements_to_json, render_report
from stages.annotator.failures import taking_part
from stages.arguments import stage_arguments
from stages.corpora.card import load_card
from stages.corpora.documents import read_documents
from stages.corpora.gold import gold_of
from stages.errors import run_main
from stages.files import check, write_json, write_text
from stages.records import read_annotations
from stages.rooms import room
from stages.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--round")
    settings = load_settings()
    place = room(arguments.benchmark)
    number = settings.round(arguments.round)
    documents = read_documents(place.pilot(number))
    analysis = analyse(
        documents,
        taking_part({name: read_annotations(place.annotations(number, name)) for name in settings.pool}),
        load_card(place.folder).types,
        AnalysisSettings(**settings.raw["disagreement"]),
        reference=gold_of(documents, place.gold),
    )
    folder = place.evidence("gold", number)
    disagreements = disagreements_to_json(analysis)
    check(disagreements, "disagreements", str(folder / "disagreements.json"))
    write_json(folder / "disagreements.json", disagreements)
    write_text(folder / "report.md", render_report(analysis, documents))


if __name__ == "__main__":
    run_main(main)
