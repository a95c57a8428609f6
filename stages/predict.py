"""Stage predict: the selected annotator labels the test documents, by the selected or the initial guideline."""

from __future__ import annotations

from stages.annotator.annotate import annotate
from stages.annotator.failures import refuse_too_many_failures
from stages.annotator.settings import annotator_settings
from stages.arguments import stage_arguments
from stages.corpora.documents import read_documents
from stages.errors import run_main
from stages.files import read_json, write_jsonl
from stages.records import annotation_to_json
from stages.rooms import room
from stages.settings import load_settings
from stages.supervisor.guideline import load_guideline


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--guideline")
    settings = load_settings()
    place = room(arguments.benchmark)
    selection = read_json(place.selection, "selection")
    annotator = annotator_settings(selection["annotator"], selection["settings"])
    documents = read_documents(place.test)
    selected = arguments.guideline == "selected"
    guideline = load_guideline(place.selected_guideline if selected else place.guideline(0))
    label = f"{place.name} test by the {arguments.guideline} guideline, {annotator.name}"
    answers = settings.raw["answers"]
    annotations = annotate(
        documents,
        guideline,
        annotator,
        settings.asker(place),
        label,
        occurrences=answers["occurrences"],
        repair_turns=answers["repair_turns"],
    )
    refuse_too_many_failures(annotations, answers["max_failed_share"], label)
    write_jsonl(place.predictions(arguments.guideline), map(annotation_to_json, annotations))


if __name__ == "__main__":
    run_main(main)
