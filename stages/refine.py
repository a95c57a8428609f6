"""Stage refine: the supervisor turns a round's disagreements into the next round's guideline."""

from __future__ import annotations

from stages.arguments import stage_arguments
from stages.contracts import Usage
from stages.errors import run_main
from stages.files import check, read_json, read_text, write_json
from stages.records import agreement_from_json, write_usage
from stages.rooms import room
from stages.settings import load_settings
from stages.supervisor.evidence import evidence_from_json
from stages.supervisor.guideline import load_guideline, save_guideline
from stages.supervisor.history import starting_point
from stages.supervisor.refine import refine


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark", "--round")
    settings = load_settings()
    place = room(arguments.benchmark)
    number = settings.refined(arguments.round)
    before = place.round(number - 1)
    folder = settings.raw["evidence"]["folder"]
    shown = place.evidence(folder, number - 1)
    guideline = load_guideline(place.guideline(number - 1))
    disagreements = read_json(shown / "disagreements.json", "disagreements")
    evidence = evidence_from_json(disagreements, read_text(shown / "report.md"), guideline.types, folder == "gold")
    agreement = agreement_from_json(read_json(before / "agreement.json", "agreement"))
    record = read_json(before / "refinement.json", "refinement") if number > 1 else None
    usage: dict[str, Usage] = {}
    asker = settings.asker(place, usage)
    refinement = refine(
        starting_point(guideline, agreement, record, settings.supervisor),
        evidence,
        settings.supervisor,
        asker,
        f"{place.name} round {number}, supervisor:",
    )
    check(refinement.record, "refinement", "refinement.json")
    save_guideline(place.guideline(number), refinement.guideline)
    write_json(place.round(number) / "refinement.json", refinement.record)
    write_usage(place.refinement_usage(number), usage.values())


if __name__ == "__main__":
    run_main(main)
