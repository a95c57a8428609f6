"""Stage resample: an annotator labels one round's pilot documents several times, for selection by GLaPE (a rival)."""

from __future__ import annotations

from diziner.annotator.annotate import annotate_if_there
from diziner.common.errors import run_main
from diziner.common.files import write_jsonl
from diziner.guideline.file import load_guideline
from diziner.layout import room_named
from diziner.llm.access import asker_for
from diziner.pipeline.arguments import stage_arguments
from diziner.pipeline.glape import sampling
from diziner.records.annotations import annotation_to_json
from diziner.records.documents import read_documents
from diziner.records.usage import Usage, write_usage
from diziner.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark", "--annotator", "--round")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    annotator = settings.annotator(arguments.annotator)
    number = settings.round(arguments.round)
    documents = read_documents(room.pilot(number))
    guideline = load_guideline(room.guideline(number, settings.start))
    asker = asker_for(settings, room, number)
    usage: list[Usage] = []
    for sample in range(settings.selection.samples):
        asked = sampling(annotator, sample, settings.selection.temperature)
        label = f"{room.name} round {number}, {annotator.name}, sample {sample}"
        made = annotate_if_there(documents, guideline, asked, asker, label, settings.answers)
        write_jsonl(room.sample(number, annotator.name, sample), map(annotation_to_json, made.annotations))
        usage += made.usage
    write_usage(room.sample_usage(number, annotator.name), usage)


if __name__ == "__main__":
    run_main(main)
