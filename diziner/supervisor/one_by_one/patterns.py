"""Patterns (phase 1): what the annotators disagree about, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diziner.guideline.file import known_ids
from diziner.records.disagreements import ErrorGroup
from diziner.supervisor.bounds import Cut, foreign_words
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.phases import Question, Supervisor, shown


@dataclass(frozen=True, slots=True)
class Finding:
    """Finding that an instruction should settle: text for the prompt, what caused it, whom it concerns."""

    text: str
    groups: tuple[ErrorGroup, ...]
    responses: tuple[str, ...]
    annotator: str | None = None


def find_patterns(
    supervisor: Supervisor, evidence: Evidence, foreign: frozenset[str]
) -> tuple[list[dict[str, Any]], list[Finding], list[Cut]]:
    """Return the patterns as answered, the findings that go on, and what was cut because it only repeats the worked
    examples (`foreign`: their words)."""
    groups = evidence.groups[: supervisor.settings.max_patterns]
    variables = {"standing": bool(supervisor.guideline.common), "gold": evidence.gold}
    choices = {"covered_by": ["", *known_ids(supervisor.guideline)]}
    questions = [Question(shown([group]), 1, variables, choices=choices) for group in groups]
    patterns: list[dict[str, Any]] = []
    findings: list[Finding] = []
    cut: list[Cut] = []
    for group, dialogue in zip(groups, supervisor.ask("patterns", questions), strict=True):
        for pattern in dialogue.items("patterns")[:1]:
            patterns.append(pattern)
            if reason := foreign_words(pattern["principle"], foreign):
                cut.append(Cut(pattern["principle"], reason))
                continue
            text = f"- {pattern['name']}. Cause: {pattern['root_cause']} Principle: {pattern['principle']}"
            if pattern["covered_by"]:
                text += f" Covered so far by {pattern['covered_by']}."
            findings.append(Finding(f"{text}\n{shown([group])}", (group,), dialogue.responses))
    return patterns, findings, cut
