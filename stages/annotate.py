"""Stage annotate: one annotator labels one round's pilot documents by that round's guideline."""

from __future__ import annotations

from stages.annotator.annotate import annotate
from stages.annotator.tally import tally
from stages.arguments import stage_arguments
from stages.contracts import Usage
from stages.corpora.documents import read_documents
from stages.errors import run_main
from stages.files import write_json, write_jsonl
from stages.records import annotation_to_json, write_usage
from stages.rooms import room
from stages.settings import load_settings
from stages.supervisor.guideline import load_guideline


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--annotator", "--round")
    settings = load_settings()
    place = room(arguments.benchmark)
    annotator = settings.annotator(arguments.annotator)
    number = settings.round(arguments.round)
    documents = read_documents(place.pilot(number))
    guideline = load_guideline(place.guideline(number))
    label = f"{place.name} round {number}, {annotator.name}"
    usage: dict[str, Usage] = {}
    asker = settings.asker(place, usage)
    annotations = annotate(documents, guideline, annotator, asker, label, settings.answers)
    write_jsonl(place.annotations(number, annotator.name), map(annotation_to_json, annotations))
    write_json(place.tally(number, annotator.name), tally(annotator, annotations))
    write_usage(place.usage(number, annotator.name), usage.values())


if __name__ == "__main__":
    run_main(main)
