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
        "gold": evidence.gold,
    }
    choices = {"covered_by": ["", *known_ids(supervisor.guideline)]}
    questions = [
        Question(shown(chunk) if one else evidence.report, limit, variables, choices=choices) for chunk in chunks
    ]
    patterns: list[dict[str, Any]] = []
    findings: list[Finding] = []
    cut: list[Cut] = []
    for chunk, dialogue in zip(chunks, supervisor.ask("patterns", questions), strict=True):
        for pattern in dialogue.items("patterns")[:limit]:
            patterns.append(pattern)
            if reason := foreign_words(pattern["principle"], foreign):
                cut.append(Cut(pattern["principle"], reason))
                continue
            text = f"- {pattern['name']}. Cause: {pattern['root_cause']} Principle: {pattern['principle']}"
            if pattern["covered_by"]:
                text += f" Covered so far by {pattern['covered_by']}."
            if one:
                text += f"\n{shown(chunk)}"
            findings.append(Finding(text, tuple(chunk), dialogue.responses))
    return patterns, findings, cut
