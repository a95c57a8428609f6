"""Stage take: one annotator's labels for a round's pilot documents are taken from its file; no model is asked."""

from __future__ import annotations

import sys

from diziner.annotator.outcomes import tally
from diziner.annotator.settings import PEOPLE
from diziner.common.errors import UserError, run_main
from diziner.common.files import write_json, write_jsonl
from diziner.corpora.labelrows import read_label_file
from diziner.corpora.pins import read_pins
from diziner.layout import room_named
from diziner.pipeline.arguments import stage_arguments
from diziner.pipeline.label_files import labels_from_file
from diziner.records.annotations import annotation_to_json
from diziner.records.documents import read_documents
from diziner.records.usage import write_usage
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark", "--annotator", "--round")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    annotator, number = settings.label_file(arguments.annotator), settings.round(arguments.round)
    if annotator.by == PEOPLE and settings.corpus.pilot_mode == "fresh" and not read_pins(room.pins).rounds:
        raise UserError(
            f"{room.pins}: publishes no pilot sets, and corpus.pilot.mode is fresh: {annotator.name} are people, who "
            f"label documents once; set the mode to fixed, or run `diziner data pilots {room.name} --write`"
        )
    path, documents = room.label_file(settings.label_files[annotator.name]), read_documents(room.pilot(number))
    given = read_label_file(path, annotator.read)
    taken = labels_from_file(room, number, settings.rounds, annotator, given, settings.start, settings.answers.nested)
    write_jsonl(room.annotations(number, annotator.name), map(annotation_to_json, taken.annotations))
    write_json(room.tally(number, annotator.name), tally(annotator, taken.annotations, documents))
    write_usage(room.usage(number, annotator.name), [])
    if taken.note:
        sys.stdout.write(f"note: {room.name} round {number}: {annotator.name} (not a language model): {taken.note}\n")


if __name__ == "__main__":
    run_main(main)
