"""A round's refinement: patterns, diagnoses, instructions and goal, integration (method section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stages.contracts import ErrorGroup, Example, Goal, Guideline, Instruction, Receipt
from stages.llm.ask import Asker
from stages.llm.dialogue import Dialogue
from stages.llm.prompts import render
from stages.supervisor.evidence import NO_ENTITY, Evidence
from stages.supervisor.guideline import known_ids
from stages.supervisor.integrate import ALREADY_THERE, DROPPED, Candidate, Decision, integrate, numbered, within_limits
from stages.supervisor.phases import Question, Supervisor, instruction_lines
from stages.supervisor.settings import SupervisorSettings

_EXAMPLES_SHOWN = 3  # per group of disagreements; the report for large models shows more


@dataclass(frozen=True, slots=True)
class Finding:
    """What an instruction should settle: text for the prompt, what caused it, whom it concerns."""

    text: str
    groups: tuple[ErrorGroup, ...]
    responses: tuple[str, ...]
    annotator: str | None = None


@dataclass(frozen=True, slots=True)
class Refinement:
    """The next round's guideline and the record of how it came about (schemas/refinement.schema.json)."""

    guideline: Guideline
    record: Mapping[str, Any]


def refine(
    guideline: Guideline, evidence: Evidence, settings: SupervisorSettings, asker: Asker, label: str
) -> Refinement:
    """The guideline of the next round, from this round's guideline and disagreements; no labels are seen.

    Cumulative: goal and instructions of the round are the supervisor's starting point, and stand unless a
    decision of phase 4 names them. Where no phase yields anything usable, the guideline is carried over
    unchanged and the record says so (`kept_previous`).
    """
    supervisor = Supervisor(guideline, settings, asker, label)
    patterns, findings = _patterns(supervisor, evidence)
    diagnoses, needs = _diagnoses(supervisor, evidence, [pattern["name"] for pattern in patterns])
    candidates = _candidates(supervisor, [*findings, *needs])
    kept, cut = within_limits(candidates, settings.max_common, settings.max_specific, guideline.types)
    kept = numbered(kept, guideline.round + 1)
    goal = _goal(supervisor, findings) if settings.update_goal and findings else guideline.goal
    decisions = _decisions(supervisor, kept)
    refined, outcomes = integrate(replace(guideline, goal=goal), kept, decisions)
    record = {
        "round": refined.round,
        "phases": supervisor.record,
        "responses": supervisor.responses,
        "patterns": patterns,
        "diagnoses": diagnoses,
        "cut": [{"text": candidate.instruction.text, "reason": reason} for candidate, reason in cut],
        "outcomes": outcomes,
        "goal_updated": goal != guideline.goal,
        "kept_previous": goal == guideline.goal and set(outcomes.values()) <= {DROPPED, ALREADY_THERE},
    }
    return Refinement(refined, record)


def _patterns(supervisor: Supervisor, evidence: Evidence) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Phase 1: what the annotators disagree about, and why."""
    settings = supervisor.settings
    one = settings.batch == "one"
    chunks = [(g,) for g in evidence.groups[: settings.max_patterns]] if one else [evidence.groups]
    chunks = [chunk for chunk in chunks if chunk]
    limit = 1 if one else settings.max_patterns
    variables = {
        "one": one,
        "limit": limit,
        "coalition": evidence.coalition,
        "standing": bool(supervisor.guideline.common),
    }
    choices = {"covered_by": ["", *known_ids(supervisor.guideline)]}
    questions = [
        Question(_shown(chunk) if one else evidence.report, limit, variables, choices=choices) for chunk in chunks
    ]
    patterns: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for chunk, dialogue in zip(chunks, supervisor.ask("patterns", questions), strict=True):
        for pattern in _items(dialogue, "patterns")[:limit]:
            patterns.append(pattern)
            text = f"- {pattern['name']}. Cause: {pattern['root_cause']} Principle: {pattern['principle']}"
            if pattern["covered_by"]:
                text += f" Covered so far by {pattern['covered_by']}."
            if one:
                text += f"\n{_shown(chunk)}"
            findings.append(Finding(text, tuple(chunk), dialogue.responses))
    return patterns, findings


def _diagnoses(
    supervisor: Supervisor, evidence: Evidence, patterns: Sequence[str]
) -> tuple[dict[str, Any], list[Finding]]:
    """Phase 2: what is particular to one annotator; all annotators are asked about at once."""
    settings = supervisor.settings
    names = [
        name
        for name, groups in sorted(evidence.by_annotator.items())
        if groups and (settings.specific_for_all or name not in evidence.coalition)
    ]
    shown = {name: evidence.by_annotator[name][: settings.max_patterns] for name in names}
    variables = {"patterns": patterns, "limit": settings.max_specific}
    questions = [
        Question(f"Annotator: {name}\n{_shown(shown[name])}", settings.max_specific, variables, about=name)
        for name in names
    ]
    diagnoses: dict[str, Any] = {}
    findings: list[Finding] = []
    for name, dialogue in zip(names, supervisor.ask("diagnosis", questions), strict=True):
        if dialogue.value is not None:
            diagnoses[name] = dialogue.value
        findings += [
            Finding(f"- {need['kind']}: {need['need']}", shown[name], dialogue.responses, name)
            for need in _items(dialogue, "needs")[: settings.max_specific]
        ]
    return diagnoses, findings


def _candidates(supervisor: Supervisor, findings: Sequence[Finding]) -> list[Candidate]:
    """Phase 3: findings become instructions, for everyone or for one annotator."""
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
        for item in _items(dialogue, "instructions")[: question.limit]:
            candidates.append(_candidate(item, chunk, dialogue, supervisor.guideline.round + 1))
    return candidates


def _candidate(item: Mapping[str, Any], chunk: Sequence[Finding], dialogue: Dialogue, number: int) -> Candidate:
    annotator = chunk[0].annotator
    shown = [example for f in chunk for group in f.groups for example in group.examples[:_EXAMPLES_SHOWN]]
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
    evidence = tuple(dict.fromkeys(example.span_text for example in shown))
    return Candidate(instruction, annotator, item["replaces"], evidence)


def _goal(supervisor: Supervisor, findings: Sequence[Finding]) -> Goal:
    """Phase 3, the goal: changed only as a whole and only with text in every section."""
    question = Question("\n".join(finding.text for finding in findings), 1)
    value = supervisor.ask("goal", [question])[0].value
    before = supervisor.guideline.goal
    if value is None or not value["updated"]:
        return before
    sections = {
        key: " ".join(value[key].split()) or getattr(before, key) for key in ("documents", "purpose", "types", "use")
    }
    return Goal(**sections)


def _decisions(supervisor: Supervisor, candidates: Sequence[Candidate]) -> dict[str, Decision]:
    """Phase 4: how the new instructions join those that stand. Not asked where there is nothing to weigh."""
    guideline, one = supervisor.guideline, supervisor.settings.batch == "one"
    chunks: list[list[Candidate]] = []
    for annotator in dict.fromkeys(candidate.annotator for candidate in candidates):
        mine = [candidate for candidate in candidates if candidate.annotator == annotator]
        standing = guideline.common if annotator is None else guideline.specific.get(annotator, ())
        if one and standing:
            chunks += [[candidate] for candidate in mine]
        elif not one and (standing or len(mine) > 1):
            chunks.append(mine)
    questions = [
        Question(
            "\n".join(line for c in chunk for line in instruction_lines(c.instruction)),
            len(chunk),
            {"annotator": chunk[0].annotator},
            about=chunk[0].annotator or "",
            choices={
                "candidate": [candidate.instruction.id for candidate in chunk],
                "target": ["", *known_ids(guideline, chunk[0].annotator)],
                "parent": ["", *known_ids(guideline, chunk[0].annotator)],
            },
        )
        for chunk in chunks
    ]
    decisions: dict[str, Decision] = {}
    for chunk, dialogue in zip(chunks, supervisor.ask("integration", questions), strict=True):
        ids = [candidate.instruction.id for candidate in chunk]
        for item in _items(dialogue, "decisions"):
            # A lone candidate needs no name: small models misspell it.
            name = ids[0] if len(ids) == 1 else item["candidate"]
            if name in ids:
                decisions.setdefault(name, Decision(**{**item, "candidate": name}))
    return decisions


def _items(dialogue: Dialogue, key: str) -> list[dict[str, Any]]:
    return list(dialogue.value[key]) if dialogue.value is not None else []


def _shown(groups: Sequence[ErrorGroup]) -> str:
    return render("supervisor/disagreements.v1", groups=groups, limit=_EXAMPLES_SHOWN)
