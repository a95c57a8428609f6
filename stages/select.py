"""Stage select: choose round and annotator by agreement alone. No gold is read."""

from __future__ import annotations

from diziner.common.errors import run_main
from diziner.common.files import check, read_json, read_text, write_json, write_text
from diziner.layout import room_named
from diziner.pipeline.arguments import stage_arguments
from diziner.pipeline.glape import glape_scores
from diziner.pipeline.selection import select
from diziner.records.agreement import agreement_from_json
from diziner.records.annotations import read_annotations
from diziner.records.selection import selection_to_json
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    agreements = {
        number: agreement_from_json(read_json(room.round(number) / "agreement.json", "agreement"))
        for number in settings.rounds
    }
    own = settings.selection
    scores = None
    if own.rule == "glape":
        scores = glape_scores(
            {
                number: {
                    name: [read_annotations(room.sample(number, name, sample)) for sample in range(own.samples)]
                    for name in own.sampled
                }
                for number in settings.rounds
            }
        )
    entries, consensus = settings.annotator_entries, settings.disagreement.consensus
    selection = select(agreements, entries, own.predictor, consensus, scores, settings.label_files)
    chosen = selection_to_json(selection)
    check(chosen, "selection", "selection.json")
    write_json(room.selection, chosen)
    write_text(room.selected_guideline, read_text(room.guideline(selection.round, settings.start)))


if __name__ == "__main__":
    run_main(main)
