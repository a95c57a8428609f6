"""Instructions (phase 3): written from findings, for everyone or for one annotator; the goal may be rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.guideline.file import known_ids
from diziner.prompting.dialogue import Dialogue
from diziner.records.guideline import Example, Goal, Instruction
from diziner.supervisor.bounds import Candidate
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
            candidates.append(_candidate(item, finding, dialogue, supervisor.guideline.round + 1))
    return candidates


def new_goal(supervisor: Supervisor, findings: Sequence[Finding]) -> Goal:
    """Return the goal, changed only as a whole and only with text in every section."""
    question = Question("\n".join(finding.text for finding in findings), 1)
    return changed_goal(supervisor.guideline.goal, supervisor.ask("goal", [question])[0])


def _candidate(item: Mapping[str, Any], finding: Finding, dialogue: Dialogue, number: int) -> Candidate:
    instruction = Instruction(
        id="",  # given when it is known how many go on
        text=" ".join(item["text"].split()),
        examples=tuple(Example(**example) for example in item["examples"] if example["text"].strip()),
        receipt=receipt_of(number, finding.groups, (*finding.responses, *dialogue.responses)),
    )
    return Candidate(instruction, finding.annotator, item["replaces"])
