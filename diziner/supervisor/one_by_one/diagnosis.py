"""Diagnosis (phase 2): what is particular to one annotator; all annotators are asked about at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diziner.supervisor.evidence import Evidence
from diziner.supervisor.one_by_one.patterns import Finding
from diziner.supervisor.phases import Question, Supervisor, shown


def diagnose(
    supervisor: Supervisor, evidence: Evidence, patterns: Sequence[str]
) -> tuple[dict[str, Any], list[Finding]]:
    """Return each diagnosis by annotator, and the needs that go on. `patterns` are named as dealt with elsewhere.

    Annotators of the coalition are left alone unless `specific_for_all`; so are those without disagreement.
    """
    settings = supervisor.settings
    names = [
        name
        for name, groups in sorted(evidence.by_annotator.items())
        if groups and (settings.specific_for_all or name not in evidence.coalition)
    ]
    groups = {name: evidence.by_annotator[name][: settings.max_patterns] for name in names}
    limit = settings.max_patterns if settings.max_specific is None else settings.max_specific
    variables = {"patterns": patterns, "limit": limit}
    questions = [Question(f"Annotator: {name}\n{shown(groups[name])}", limit, variables, about=name) for name in names]
    diagnoses: dict[str, Any] = {}
    findings: list[Finding] = []
    for name, dialogue in zip(names, supervisor.ask("diagnosis", questions), strict=True):
        if dialogue.value is not None:
            diagnoses[name] = dialogue.value
        findings += [
            Finding(f"- {need['kind']}: {need['need']}", groups[name], dialogue.responses, name)
            for need in dialogue.items("needs")[:limit]
        ]
    return diagnoses, findings
