"""Stage predict: the selected annotator or coalition labels the test documents, by the selected or first guideline."""

from __future__ import annotations

from diziner.common.errors import run_main
from diziner.common.files import read_json, write_jsonl
from diziner.guideline.file import load_guideline
from diziner.layout import room_named
from diziner.llm.access import asker_for
from diziner.pipeline.arguments import stage_arguments
from diziner.pipeline.prediction import predict
from diziner.records.documents import read_documents
from diziner.records.labelled import labelled_row
from diziner.records.selection import selection_from_json
from diziner.records.usage import write_usage
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark", "--guideline")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    selection = selection_from_json(read_json(room.selection, "selection"))
    documents = read_documents(room.test)
    selected = arguments.guideline == "selected"
    guideline = load_guideline(room.selected_guideline if selected else room.guideline(0, settings.start))
    label = f"{room.name} test by the {arguments.guideline} guideline"
    annotations, usage = predict(documents, guideline, selection, asker_for(settings, room), label, settings.answers)
    write_jsonl(room.predictions(arguments.guideline), map(labelled_row, documents, annotations))
    write_usage(room.prediction_usage(arguments.guideline), usage)


if __name__ == "__main__":
    run_main(main)
