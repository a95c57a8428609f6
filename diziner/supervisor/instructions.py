"""Instructions (phase 3): written from findings, for everyone or for one annotator; the goal may be rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.guideline.file import known_ids
from diziner.prompting.dialogue import Dialogue
from diziner.records.guideline import Example, Goal, Instruction, Receipt
from diziner.supervisor.bounds import Candidate
from diziner.supervisor.evidence import EXAMPLES_SHOWN, NO_ENTITY
from diziner.supervisor.patterns import Finding
from diziner.supervisor.phases import Question, Supervisor


def new_instructions(supervisor: Supervisor, findings: Sequence[Finding]) -> list[Candidate]:
    """Return the instructions that the supervisor writes for the findings, each with its receipt, not yet numbered."""
    settings = supervisor.settings
    one = settings.batch == "one"
    chunks: list[tuple[Finding, ...]]
    if one:
        chunks = [(finding,) for finding in findings]
    else:
        groups = dict.fromkeys(finding.annotator for finding in findings)
        chunks = [tuple(f for f in findings if f.annotator == group) for group in groups]
    questions = []
    for chunk in chunks:
        annotator = chunk[0].annotator
        limit = 1 if one else (settings.max_specific if annotator else settings.max_common)
        standing = known_ids(supervisor.guideline, annotator)
        variables = {
            "one": one,
            "limit": limit,
            "annotator": annotator,
            "standing": bool(standing),
            "no_entity": NO_ENTITY,
        }
        names = [t.name for t in supervisor.guideline.types]
        choices = {"replaces": ["", *standing], "annotation": [*names, NO_ENTITY]}
        case = "\n".join(finding.text for finding in chunk)
        questions.append(Question(case, limit, variables, about=annotator or "", choices=choices))
    candidates: list[Candidate] = []
    for chunk, question, dialogue in zip(chunks, questions, supervisor.ask("instructions", questions), strict=True):
        for item in dialogue.items("instructions")[: question.limit]:
            candidates.append(_candidate(item, chunk, dialogue, supervisor.guideline.round + 1))
    return candidates


def new_goal(supervisor: Supervisor, findings: Sequence[Finding]) -> Goal:
    """Return the goal, changed only as a whole and only with text in every section."""
    question = Question("\n".join(finding.text for finding in findings), 1)
    value = supervisor.ask("goal", [question])[0].value
    before = supervisor.guideline.goal
    if value is None or not value["updated"]:
        return before
    sections = {
        key: " ".join(value[key].split()) or getattr(before, key) for key in ("documents", "purpose", "types", "use")
    }
    return Goal(**sections)


def _candidate(item: Mapping[str, Any], chunk: Sequence[Finding], dialogue: Dialogue, number: int) -> Candidate:
    shown = [example for f in chunk for group in f.groups for example in group.examples[:EXAMPLES_SHOWN]]
    receipt = Receipt(
        round=number,
        status="new",
        hotspots=tuple(dict.fromkeys(example.hotspot for example in shown if example.hotspot)),
        documents=tuple(dict.fromkeys(example.document for example in shown)),
        responses=tuple(dict.fromkeys([*(key for f in chunk for key in f.responses), *dialogue.responses])),
    )
    instruction = Instruction(
        id="",  # given when it is known how many go on
        text=" ".join(item["text"].split()),
        examples=tuple(Example(**example) for example in item["examples"] if example["text"].strip()),
        receipt=receipt,
    )
    spans = tuple(dict.fromkeys(example.span_text for example in shown))
    return Candidate(instruction, chunk[0].annotator, item["replaces"], spans)
