"""Phases of refinement, one case a call: the prompts are followed by worked examples, which small models need."""

from __future__ import annotations

from diziner.prompting.templates import word_list
from diziner.supervisor.apply import numbered
from diziner.supervisor.bounds import foreign_to
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.one_by_one.diagnosis import diagnose
from diziner.supervisor.one_by_one.instructions import new_goal, new_instructions
from diziner.supervisor.one_by_one.integration import decide
from diziner.supervisor.one_by_one.patterns import find_patterns
from diziner.supervisor.phases import Supervisor
from diziner.supervisor.proposal import Proposal


def propose(supervisor: Supervisor, start: StartingPoint, evidence: Evidence) -> Proposal:
    """Ask all phases and return what they come to. Candidates that wait from the round before go first."""
    guideline, settings = supervisor.guideline, supervisor.settings
    foreign = foreign_to(guideline, evidence.texts(), word_list("supervisor/examples.words.v1"))
    patterns, findings, cut_patterns = find_patterns(supervisor, evidence, foreign)
    diagnoses, needs = diagnose(supervisor, evidence, [pattern["name"] for pattern in patterns])
    kept, written, cut = new_instructions(supervisor, [*findings, *needs], start.waiting, foreign)
    kept = numbered(kept, guideline)
    may_update = settings.update_goal and settings.show_goal and findings
    goal = new_goal(supervisor, findings) if may_update else guideline.goal
    return Proposal(patterns, diagnoses, written, kept, [*cut_patterns, *cut], goal, decide(supervisor, kept))
