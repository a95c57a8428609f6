"""Refinement of a round: patterns, diagnoses, instructions and goal, integration (method section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from diziner.common.rounding import rounded
from diziner.prompting.asker import Asker
from diziner.prompting.templates import word_list
from diziner.records.guideline import Guideline
from diziner.records.usage import Usage
from diziner.supervisor.apply import DROPPED, integrate, numbered
from diziner.supervisor.bounds import foreign_to, within_limits
from diziner.supervisor.diagnosis import diagnose
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.history import StartingPoint, base_to_json
from diziner.supervisor.instructions import new_goal, new_instructions
from diziner.supervisor.integration import decide
from diziner.supervisor.line_acceptance import LineTrials
from diziner.supervisor.patterns import find_patterns
from diziner.supervisor.phases import Supervisor
from diziner.supervisor.settings import SupervisorSettings


@dataclass(frozen=True, slots=True)
class Refinement:
    """The next round's guideline, the record of how it came about (refinement.schema.json), and what requests took."""

    guideline: Guideline
    record: Mapping[str, Any]
    usage: Sequence[Usage] = ()


def refine(
    start: StartingPoint,
    evidence: Evidence,
    settings: SupervisorSettings,
    asker: Asker,
    label: str,
    trials: LineTrials | None = None,
) -> Refinement:
    """Return the guideline of the next round, from where this round leaves off and its disagreements; no labels are
    seen.

    Cumulative: goal and instructions of the round are the supervisor's starting point, and stand unless a
    decision of phase 4 names them. Where no phase yields anything usable, or refinement has ended, the guideline
    is carried over unchanged and the record says so (`kept_previous`, `stopped`). With `trials`, an instruction under
    which annotators agree less is taken back.
    """
    guideline = start.guideline
    supervisor = Supervisor(guideline, settings, asker, label, start.rejected, evidence.gold)
    if start.stopped:
        carried = integrate(guideline, [], {}, settings.max_words).guideline
        return Refinement(carried, _record(start, settings, supervisor))
    # Worked examples are only shown where there is one case a call.
    words = word_list("supervisor/examples.words.v1") if settings.batch == "one" else ()
    foreign = foreign_to(guideline, evidence.texts(), words)
    patterns, findings, cut_patterns = find_patterns(supervisor, evidence, foreign)
    diagnoses, needs = diagnose(supervisor, evidence, [pattern["name"] for pattern in patterns])
    candidates = new_instructions(supervisor, [*findings, *needs])
    kept, cut = within_limits(candidates, guideline, settings, foreign, start.rejected)
    kept = numbered(kept, guideline)
    may_update = settings.update_goal and settings.show_goal and findings
    goal = new_goal(supervisor, findings) if may_update else guideline.goal
    decisions = decide(supervisor, kept)
    limits = settings.max_words, settings.max_change
    alone = {c.instruction.id: integrate(guideline, [c], decisions, *limits).guideline for c in kept}
    taken_back = trials.taken_back(guideline, alone) if trials else {}
    accepted = [c for c in kept if c.instruction.id not in taken_back]
    integrated = integrate(replace(guideline, goal=goal), accepted, decisions, *limits)
    outcomes = {**integrated.outcomes, **taken_back}
    record = _record(start, settings, supervisor) | {
        "patterns": patterns,
        "diagnoses": diagnoses,
        "cut": [asdict(entry) for entry in (*cut_patterns, *cut)],
        "outcomes": outcomes,
        "changed_share": rounded(integrated.changed_share),
        "goal_updated": goal != guideline.goal,
        "kept_previous": goal == guideline.goal and all(o.startswith(DROPPED) for o in outcomes.values()),
    }
    if trials:
        record["trials"] = trials.record()
        record["rejected"] += [c.instruction.text for c in kept if c.instruction.id in taken_back]
    return Refinement(integrated.guideline, record, [*supervisor.usage, *(trials.usage if trials else ())])


def _record(start: StartingPoint, settings: SupervisorSettings, supervisor: Supervisor) -> dict[str, Any]:
    """Return the record of a refinement that changes nothing."""
    return {
        "round": start.guideline.round + 1,
        "agreement": start.agreement,
        "base": base_to_json(start, settings),
        "accepted": start.accepted,
        "rejected": list(start.rejected),
        "stopped": start.stopped,
        "left_out": list(start.guideline.left_out),
        "phases": supervisor.record,
        "responses": supervisor.responses,
        "patterns": [],
        "diagnoses": {},
        "cut": [],
        "outcomes": {},
        "changed_share": 0.0,
        "goal_updated": False,
        "kept_previous": True,
    }
