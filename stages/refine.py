"""Stage refine: the supervisor turns a round's disagreements into the next round's guideline."""

from __future__ import annotations

import sys

from diziner.common.errors import run_main
from diziner.common.files import check, read_json, write_json
from diziner.guideline.file import load_guideline, save_guideline
from diziner.layout import room_named
from diziner.llm.access import asker_for
from diziner.pipeline.addressed import addressed
from diziner.pipeline.arguments import stage_arguments
from diziner.pipeline.line_acceptance import line_trials
from diziner.records.agreement import agreement_from_json
from diziner.records.annotations import read_annotations, taking_part
from diziner.records.documents import read_documents
from diziner.records.usage import write_usage
from diziner.results.refinement_counts import refinement_line, refinement_metrics
from diziner.settings import load_settings
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.evidence import evidence_from_json
from diziner.supervisor.history import starting_point
from diziner.supervisor.method import refine_by_method


def main() -> None:
    arguments = stage_arguments(__file__, __doc__, "benchmark", "--round")
    settings = load_settings()
    room = room_named(arguments.benchmark)
    number = settings.refined(arguments.round)
    before = room.round(number - 1)
    folder = settings.evidence.folder
    shown = room.evidence(folder, number - 1)
    guideline = load_guideline(room.guideline(number - 1, settings.start))
    disagreements = read_json(shown / "disagreements.json", "disagreements")
    pool, held_back = [settings.annotator(name) for name in settings.pool], disagreements.get("held_back", ())
    evidence = addressed(evidence_from_json(disagreements, guideline.types, folder == "gold"), pool)
    agreement = agreement_from_json(read_json(before / "agreement.json", "agreement"))
    record = read_json(before / "refinement.json", "refinement") if number > 1 else None
    documents = read_documents(room.pilot(number - 1))
    annotations = {name: read_annotations(room.annotations(number - 1, name), documents) for name in settings.pool}
    annotated = AnnotatedRound(documents, taking_part(annotations), agreement)
    start = starting_point(guideline, agreement, record, settings.supervisor, settings.label_files)
    asker, label = asker_for(settings, room), f"{room.name} round {number},"
    trials = line_trials(settings.supervisor, held_back, annotated, pool, asker, label, settings.answers)
    refinement = refine_by_method(
        start, evidence, annotated, settings.supervisor, asker, f"{label} supervisor:", trials
    )
    check(refinement.record, "refinement", "refinement.json")
    save_guideline(room.guideline(number, settings.start), refinement.guideline)
    write_json(room.round(number) / "refinement.json", refinement.record)
    write_usage(room.refinement_usage(number), refinement.usage)
    write_json(room.refinement_metrics(number), refinement_metrics(refinement.record))
    sys.stdout.write(f"note: {room.name} round {number}: {refinement_line(refinement.record)}\n")


if __name__ == "__main__":
    run_main(main)
