"""Refinement of a round: patterns, diagnoses, instructions and goal, integration (method section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from diziner.common.rounding import rounded
from diziner.prompting.asker import Asker
from diziner.records.guideline import Guideline
from diziner.records.usage import Usage
from diziner.supervisor.apply import integrate
from diziner.supervisor.at_once.propose import propose as at_once
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.history import StartingPoint, base_to_json, candidate_to_json
from diziner.supervisor.one_by_one.propose import propose as one_by_one
from diziner.supervisor.phases import Supervisor
from diziner.supervisor.proposal import Proposal
from diziner.supervisor.settings import SupervisorSettings


class Trials(Protocol):
    """Trials of new instructions, each alone (`diziner.pipeline.line_acceptance`); `usage` is what they took."""

    usage: list[Usage]

    def taken_back(self, base: Guideline, alone: Mapping[str, Guideline]) -> dict[str, str]:
        """Return the outcome of each instruction that is not kept, by id."""

    def record(self) -> dict[str, Any]:
        """Return the trials as a refinement's record has them."""


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
    trials: Trials | None = None,
) -> Refinement:
    """Return the guideline of the next round, from where this round leaves off and its disagreements; no labels are
    seen.

    Cumulative: goal and instructions of the round are the supervisor's starting point, and stand unless a
    decision of phase 4 names them. Where no phase yields anything usable, or refinement has ended, the guideline
    is carried over unchanged and the record says so (`kept_previous`, `stopped`). With `trials`, an instruction under
    which annotators agree less is taken back.
    """
    supervisor = Supervisor(start.guideline, settings, asker, label, start.rejected, evidence.gold)
    if start.stopped or not settings.may_change:
        return carried_over(start, supervisor)
    propose = one_by_one if settings.batch == "one" else at_once
    return applied(start, supervisor, propose(supervisor, start, evidence), trials)


def carried_over(start: StartingPoint, supervisor: Supervisor) -> Refinement:
    """Return a refinement that changes nothing."""
    return Refinement(integrate(start.guideline, [], {}).guideline, _record(start, supervisor), supervisor.usage)


def applied(
    start: StartingPoint, supervisor: Supervisor, proposal: Proposal, trials: Trials | None = None
) -> Refinement:
    """Return the refinement that a proposal comes to, within the limits and, with `trials`, without the instructions
    under which annotators agree less."""
    guideline, settings = start.guideline, supervisor.settings
    candidates, decisions = proposal.candidates, proposal.decisions
    limits = settings.max_words, settings.max_change
    taken_back: Mapping[str, str] = {}
    if trials:
        alone = {c.instruction.id: integrate(guideline, [c], decisions, *limits).guideline for c in candidates}
        taken_back = trials.taken_back(guideline, alone)
    accepted = [c for c in candidates if c.instruction.id not in taken_back]
    integrated = integrate(replace(guideline, goal=proposal.goal), accepted, decisions, *limits, proposal.changes)
    record = _record(start, supervisor) | {
        "patterns": proposal.patterns,
        "diagnoses": proposal.diagnoses,
        "written": proposal.written,
        "cut": [asdict(entry) for entry in proposal.cut],
        "outcomes": {**integrated.outcomes, **taken_back},
        "waiting": [candidate_to_json(candidate) for candidate in integrated.waiting],
        "findings": dict(proposal.findings),
        "addresses": {c.instruction.id: list(c.addresses) for c in candidates if c.addresses},
        "changed_share": rounded(integrated.changed_share),
        "goal_updated": proposal.goal != guideline.goal,
        "kept_previous": replace(integrated.guideline, round=guideline.round) == _as_carried(guideline),
    }
    if trials:
        record["trials"] = trials.record()
        record["rejected"] += [c.instruction.text for c in candidates if c.instruction.id in taken_back]
    return Refinement(integrated.guideline, record, [*supervisor.usage, *(trials.usage if trials else ())])


def _as_carried(guideline: Guideline) -> Guideline:
    """Return a guideline as it is carried over where nothing changes it."""
    return replace(integrate(guideline, [], {}).guideline, round=guideline.round)


def _record(start: StartingPoint, supervisor: Supervisor) -> dict[str, Any]:
    """Return the record of a refinement that changes nothing."""
    return {
        "round": start.guideline.round + 1,
        "agreement": start.agreement,
        "base": base_to_json(start, supervisor.settings),
        "accepted": start.accepted,
        "rejected": list(start.rejected),
        "stopped": start.stopped,
        "left_out": list(start.guideline.left_out),
        "phases": supervisor.record,
        "responses": supervisor.responses,
        "patterns": [],
        "diagnoses": {},
        "written": 0,
        "cut": [],
        "outcomes": {},
        "waiting": [candidate_to_json(candidate) for candidate in start.waiting],
        "findings": {},
        "addresses": {},
        "changed_share": 0.0,
        "goal_updated": False,
        "kept_previous": True,
    }
