"""Stage refine: the supervisor turns a round's disagreements into the next round's guideline."""

from __future__ import annotations

from diziner.common.errors import run_main
from diziner.common.files import check, read_json, read_text, write_json
from diziner.guideline.file import load_guideline, save_guideline
from diziner.layout import room_named
from diziner.llm.access import asker_for
from diziner.pipeline.arguments import stage_arguments
from diziner.records.agreement import agreement_from_json
from diziner.records.usage import write_usage
from diziner.settings import load_settings
from diziner.supervisor.evidence import evidence_from_json
from diziner.supervisor.history import starting_point
from diziner.supervisor.refine import refine


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
    evidence = evidence_from_json(disagreements, read_text(shown / "report.md"), guideline.types, folder == "gold")
    agreement = agreement_from_json(read_json(before / "agreement.json", "agreement"))
    record = read_json(before / "refinement.json", "refinement") if number > 1 else None
    refinement = refine(
        starting_point(guideline, agreement, record, settings.supervisor),
        evidence,
        settings.supervisor,
        asker_for(settings, room),
        f"{room.name} round {number}, supervisor:",
    )
    check(refinement.record, "refinement", "refinement.json")
    save_guideline(room.guideline(number, settings.start), refinement.guideline)
    write_json(room.round(number) / "refinement.json", refinement.record)
    write_usage(room.refinement_usage(number), refinement.usage)


if __name__ == "__main__":
    run_main(main)
