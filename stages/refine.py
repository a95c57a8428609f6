"""Stage refine: the supervisor turns a round's disagreements into the next round's guideline."""

from __future__ import annotations

from stages.arguments import stage_arguments
from stages.errors import run_main
from stages.files import check, read_json, read_text, write_json
from stages.rooms import room
from stages.settings import load_settings
from stages.supervisor.evidence import evidence_from_json
from stages.supervisor.guideline import load_guideline, save_guideline
from stages.supervisor.refine import refine


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--round")
    settings = load_settings()
    place = room(arguments.benchmark)
    number = settings.round(arguments.round)
    before = place.round(number - 1)
    guideline = load_guideline(place.guideline(number - 1))
    disagreements = read_json(before / "disagreements.json", "disagreements")
    evidence = evidence_from_json(disagreements, read_text(before / "report.md"), guideline.types)
    refinement = refine(
        guideline,
        evidence,
        settings.supervisor,
        settings.asker(place),
        f"{place.name} round {number}, supervisor:",
    )
    check(refinement.record, "refinement", "refinement.json")
    save_guideline(place.guideline(number), refinement.guideline)
    write_json(place.round(number) / "refinement.json", refinement.record)


if __name__ == "__main__":
    run_main(main)
