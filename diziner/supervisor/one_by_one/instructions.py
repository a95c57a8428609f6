"""Instructions (phase 3): written from findings, for everyone or for one annotator; the goal may be rewritten."""

from __future__ import annotations

from collections.abc import Sequence

from diziner.guideline.file import known_ids
from diziner.records.guideline import Goal
from diziner.supervisor.bounds import Candidate, written
from diziner.supervisor.evidence import NO_ENTITY, receipt_of
from diziner.supervisor.one_by_one.patterns import Finding
from diziner.supervisor.phases import Question, Supervisor, changed_goal


def new_instructions(supervisor: Supervisor, findings: Sequence[Finding]) -> list[Candidate]:
    """Return the instructions that the supervisor writes for the findings, each with its receipt, not yet numbered."""
    questions = []
    for finding in findings:
        standing = known_ids(supervisor.guideline, finding.annotator)
        variables = {"standing": bool(standing), "no_entity": NO_ENTITY}
        names = [t.name for t in supervisor.guideline.types]
        choices = {"replaces": ["", *standing], "annotation": [*names, NO_ENTITY]}
        questions.append(Question(finding.text, 1, variables, about=finding.annotator or "", choices=choices))
    candidates: list[Candidate] = []
    for finding, dialogue in zip(findings, supervisor.ask("instructions", questions), strict=True):
        for item in dialogue.items("instructions")[:1]:
            keys = (*finding.responses, *dialogue.responses)
            receipt = receipt_of(supervisor.guideline.round + 1, finding.groups, keys)
            candidates.append(written(item, receipt, finding.annotator))
    return candidates


def new_goal(supervisor: Supervisor, findings: Sequence[Finding]) -> Goal:
    """Return the goal, changed only as a whole and only with text in every section."""
    question = Question("\n".join(finding.text for finding in findings), 1)
    return changed_goal(supervisor.guideline.goal, supervisor.ask("goal", [question])[0])
