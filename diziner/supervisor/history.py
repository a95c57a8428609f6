"""History of rounds: which guideline the next one builds on, who takes part, whether refinement goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from diziner.common.exact import as_written
from diziner.guideline.file import (
    all_instructions,
    guideline_from_json,
    guideline_to_json,
    instruction_from_json,
    instruction_to_json,
)
from diziner.records.agreement import Agreement
from diziner.records.guideline import Guideline
from diziner.supervisor.bounds import Candidate
from diziner.supervisor.settings import SupervisorSettings


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """State that a refinement begins with.

    `guideline` is the base (its `round` is the round before, also where an earlier round's guideline is taken
    up again), `agreement` the overall agreement under it of those who go on, `accepted` False if the round before
    was taken back. `rejected` are texts of instructions that were tried and taken back. `stopped`: refinement ended.
    `waiting` are candidates that a limit kept out of the round before.
    """

    guideline: Guideline
    agreement: float
    accepted: bool = True
    rejected: tuple[str, ...] = ()
    stopped: bool = False
    waiting: tuple[Candidate, ...] = ()


def starting_point(
    guideline: Guideline,
    agreement: Agreement,
    record: Mapping[str, Any] | None,
    settings: SupervisorSettings,
    given: Collection[str] = (),
) -> StartingPoint:
    """Decide it by a round's guideline, its agreement and the record of the refinement that led to it (None: round 0).
    All of it is label-free. `given` names annotators whose labels are files.

    Agreement of different documents says little: `accept: agreement` wants one fixed pilot set, and the other
    two settings are noisy without one. Nobody is left out on the word of a round that is taken back. The worst is
    looked for among those who label by the guideline: labels that are given, by people most often, are not made by it,
    would not be asked for again, and are what models that make the same errors are held against.
    """
    overall = agreement.overall
    start = StartingPoint(guideline, overall)
    if record is not None:
        rejected = tuple(record["rejected"])
        if settings.accept == "agreement" and overall < record["base"]["agreement"]:
            base = guideline_from_json(record["base"]["guideline"], "refinement.json: base.guideline")
            stood = {instruction.text for instruction in all_instructions(base)}
            tried = (i.text for i in all_instructions(guideline) if i.text not in stood)
            rejected = tuple(dict.fromkeys([*rejected, *tried]))
            base = replace(base, round=guideline.round)
            start = StartingPoint(base, record["base"]["agreement"], accepted=False)
        calm = settings.stop_below is not None and abs(
            as_written(overall) - as_written(record["agreement"])
        ) < as_written(settings.stop_below)
        waiting = tuple(candidate_from_json(entry) for entry in record["waiting"])
        start = replace(start, rejected=rejected, stopped=bool(record["stopped"]) or calm, waiting=waiting)
    # From round 1 on: round 0 says how annotators read the text without any guidance (method section 9).
    if guideline.round >= 1 and start.accepted and (worst := _worst(agreement.mean, settings, given)):
        left_out = tuple(sorted({*start.guideline.left_out, worst}))
        # What the next round's agreement is held against: that of the annotators who will take part in it.
        rest = agreement.among(agreement.mean.keys() - {worst})
        start = replace(start, guideline=replace(start.guideline, left_out=left_out), agreement=rest)
    return start


def base_to_json(start: StartingPoint, settings: SupervisorSettings) -> dict[str, Any]:
    """Return what the next step needs to take this one back; the guideline itself only where that can happen."""
    keep = settings.accept == "agreement"
    return {"agreement": start.agreement, "guideline": guideline_to_json(start.guideline) if keep else None}


def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    """Return a waiting candidate as the record keeps it, for the next round."""
    return {
        "annotator": candidate.annotator,
        "replaces": candidate.replaces,
        "addresses": list(candidate.addresses),
        "instruction": instruction_to_json(candidate.instruction),
    }


def candidate_from_json(value: Mapping[str, Any]) -> Candidate:
    """Return a waiting candidate of a checked record."""
    instruction = instruction_from_json(value["instruction"])
    return Candidate(instruction, value["annotator"], value["replaces"], tuple(value["addresses"]))


def _worst(mean: Mapping[str, float], settings: SupervisorSettings, given: Collection[str] = ()) -> str:
    """Return the annotator to leave out: by the margin below the mean of all, while enough remain. Empty: nobody."""
    if settings.drop_worst_margin is None or len(mean) <= settings.drop_worst_keep:
        return ""
    exact = {name: as_written(value) for name, value in mean.items()}
    worst = min(exact.keys() - {*given}, key=lambda name: (exact[name], name), default="")
    if not worst:
        return ""
    average = sum(exact.values(), Fraction(0)) / len(exact)
    return worst if average - exact[worst] >= as_written(settings.drop_worst_margin) else ""
