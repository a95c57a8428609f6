"""Phases of refinement, each in one call (method section 8): what the reference does, with its outcome checked."""

from __future__ import annotations

from diziner.supervisor.apply import numbered
from diziner.supervisor.at_once.findings import find_needs, find_patterns
from diziner.supervisor.at_once.instructions import new_goal, new_instructions
from diziner.supervisor.at_once.integration import decide
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.phases import Supervisor
from diziner.supervisor.proposal import Proposal


def propose(supervisor: Supervisor, start: StartingPoint, evidence: Evidence) -> Proposal:
    """Ask all phases and return what they come to. Candidates that wait from the round before go first."""
    guideline, settings = supervisor.guideline, supervisor.settings
    patterns, unknown = find_patterns(supervisor, evidence)
    diagnoses, needs, over = find_needs(supervisor, evidence, patterns)
    kept, written, cut = new_instructions(supervisor, [*patterns, *needs], start.waiting)
    candidates = numbered([*start.waiting, *kept], guideline)
    goal = new_goal(supervisor, patterns) if settings.update_goal and settings.show_goal else guideline.goal
    decisions, changes, unread = decide(supervisor, candidates)
    said = [{"id": f.id, **f.said, "groups": list(f.groups)} for f in patterns]
    return Proposal(said, diagnoses, written, candidates, [*unknown, *over, *cut, *unread], goal, decisions, changes)
