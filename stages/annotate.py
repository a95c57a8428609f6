"""Stage annotate: one annotator labels one round's pilot documents by that round's guideline."""

from __future__ import annotations

import sys

from diziner.annotator.annotate import annotate_if_there
from diziner.annotator.outcomes import tally
from diziner.common.errors import run_main
from diziner.common.files import write_json, write_jsonl
from diziner.guideline.file import load_guideline
from diziner.layout import room_named
from diziner.llm.access import asker_for
from diziner.pipeline.arguments import stage_arguments
from diziner.records.annotations import annotation_to_json, left_out
from diziner.records.documents import read_documents
from diziner.records.usage import write_usage
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark", "--annotator", "--round")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    annotator = settings.annotator(arguments.annotator)
    number = settings.round(arguments.round)
    documents = read_documents(room.pilot(number))
    guideline = load_guideline(room.guideline(number, settings.start))
    label = f"{room.name} round {number}, {annotator.name}"
    asker = asker_for(settings, room, number)
    annotations, usage = annotate_if_there(documents, guideline, annotator, asker, label, settings.answers)
    if out := left_out(annotations):
        sys.stdout.write(f"note: {label} is left out {out}\n")
    write_jsonl(room.annotations(number, annotator.name), map(annotation_to_json, annotations))
    write_json(room.tally(number, annotator.name), tally(annotator, annotations, documents))
    write_usage(room.usage(number, annotator.name), usage)


if __name__ == "__main__":
    run_main(main)
