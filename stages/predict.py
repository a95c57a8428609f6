"""Stage predict: the selected annotator or coalition labels the test documents, by the selected or first guideline."""

from __future__ import annotations

from stages.arguments import stage_arguments
from stages.contracts import Usage
from stages.corpora.documents import read_documents
from stages.errors import run_main
from stages.files import read_json, write_jsonl
from stages.prediction import predict
from stages.records import annotation_to_json, selection_from_json, write_usage
from stages.rooms import room
from stages.settings import load_settings
from stages.supervisor.guideline import load_guideline


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--guideline")
    settings = load_settings()
    place = room(arguments.benchmark)
    selection = selection_from_json(read_json(place.selection, "selection"))
    documents = read_documents(place.test)
    selected = arguments.guideline == "selected"
    guideline = load_guideline(place.selected_guideline if selected else place.guideline(0))
    label = f"{place.name} test by the {arguments.guideline} guideline"
    usage: dict[str, Usage] = {}
    asker = settings.asker(place, usage)
    annotations = predict(documents, guideline, selection, asker, label, settings.answers)
    write_jsonl(place.predictions(arguments.guideline), map(annotation_to_json, annotations))
    write_usage(place.prediction_usage(arguments.guideline), usage.values())


if __name__ == "__main__":
    run_main(main)
