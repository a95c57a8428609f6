"""Findings of phases 1 and 2: patterns of all annotators and needs of single ones, each with what caused it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diziner.guideline.file import all_instructions
from diziner.prompting.templates import render
from diziner.records.disagreements import ErrorGroup
from diziner.supervisor.at_once.shown_groups import shown_groups, with_ids
from diziner.supervisor.bounds import Cut
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.phases import Question, Supervisor


@dataclass(frozen=True, slots=True)
class Finding:
    """A pattern (`annotator` None) or a need of one annotator, by its id: what the supervisor said of it, the kinds of
    disagreement that it explains by their ids, and the keys of the answers that it comes from."""

    id: str
    said: Mapping[str, Any]
    groups: Mapping[str, ErrorGroup]
    responses: tuple[str, ...]
    annotator: str | None = None


def find_patterns(supervisor: Supervisor, evidence: Evidence) -> tuple[list[Finding], list[Cut]]:
    """Return the patterns that annotators share (phase 1), at most `max_patterns`, and names in them that name
    nothing."""
    if not evidence.groups:
        return [], []
    settings, guideline = supervisor.settings, supervisor.guideline
    groups = with_ids(evidence.groups, "G")
    ranked = sorted(evidence.leanings.items(), key=lambda item: (-item[1].agreement, item[0]))
    case = render(
        "supervisor/patterns.case.v2",
        annotators=ranked,
        coalition=evidence.coalition,
        groups=shown_groups(groups, settings.max_evidence_tokens),
    )
    standing = [line.id for line in all_instructions(guideline)]
    question = Question(
        case,
        settings.max_patterns,
        {"limit": settings.max_patterns, "standing": bool(standing), "gold": evidence.gold},
        choices={
            "groups": list(groups),
            "types": [t.name for t in guideline.types],
            "supporters": sorted(evidence.by_annotator),
            "covered_by": ["", *standing],
        },
    )
    dialogue = supervisor.ask("patterns", [question])[0]
    found = dialogue.items("patterns")
    cut = [
        Cut(pattern["name"], f"over the limit of {settings.max_patterns}") for pattern in found[settings.max_patterns :]
    ]
    findings = []
    for number, pattern in enumerate(found[: settings.max_patterns], 1):
        named, unknown = _named(pattern["groups"], groups)
        cut += [Cut(pattern["name"], f"names {name}, which is no kind of disagreement here") for name in unknown]
        findings.append(Finding(f"P{number}", pattern, named, dialogue.responses))
    return findings, cut


def find_needs(
    supervisor: Supervisor, evidence: Evidence, patterns: Sequence[Finding]
) -> tuple[dict[str, Any], list[Finding], list[Cut]]:
    """Return each diagnosis by annotator (phase 2), the needs that go on, and what was cut.

    Annotators of the coalition are left alone unless `specific_for_all`; so are those without disagreement.
    """
    settings = supervisor.settings
    names = [
        name
        for name, groups in sorted(evidence.by_annotator.items())
        if groups and (settings.specific_for_all or name not in evidence.coalition) and settings.max_specific != 0
    ]
    known = {name: with_ids(evidence.by_annotator[name], "E") for name in names}
    principles = [f"{pattern.said['name']}: {pattern.said['principle']}" for pattern in patterns]
    questions = [
        Question(
            render(
                "supervisor/diagnosis.case.v2",
                name=name,
                leaning=evidence.leanings[name],
                coalition=evidence.coalition,
                groups=shown_groups(known[name], settings.max_evidence_tokens),
            ),
            settings.max_specific or len(known[name]),
            {"name": name, "patterns": principles, "limit": settings.max_specific},
            about=name,
            choices={"groups": list(known[name])},
        )
        for name in names
    ]
    diagnoses: dict[str, Any] = {}
    findings: list[Finding] = []
    cut: list[Cut] = []
    for name, dialogue in zip(names, supervisor.ask("diagnosis", questions) if questions else (), strict=True):
        if dialogue.value is not None:
            diagnoses[name] = dialogue.value
        needs = dialogue.items("needs")
        most = len(needs) if settings.max_specific is None else settings.max_specific
        cut += [Cut(need["need"], f"over the limit of {most}") for need in needs[most:]]
        for need in needs[:most]:
            named, unknown = _named(need["groups"], known[name])
            cut += [Cut(need["need"], f"names {group}, which is no kind of disagreement here") for group in unknown]
            findings.append(Finding(f"N{len(findings) + 1}", need, named, dialogue.responses, name))
    return diagnoses, findings, cut


def findings_case(findings: Iterable[Finding], budget: int | None) -> str:
    """Return findings as phase 3 is shown them: each with its own kinds of disagreement, and no other's."""
    entries = list(findings)
    share = None if budget is None else budget // max(len(entries), 1)
    texts = {entry.id: shown_groups(entry.groups, share, "###") if entry.groups else "" for entry in entries}
    return render(
        "supervisor/instructions.case.v2",
        patterns=[(f.id, f.said, texts[f.id]) for f in entries if f.annotator is None],
        needs=[(f.id, f.annotator, f.said, texts[f.id]) for f in entries if f.annotator is not None],
    )


def _named(ids: Sequence[str], groups: Mapping[str, ErrorGroup]) -> tuple[dict[str, ErrorGroup], list[str]]:
    known = {name: groups[name] for name in dict.fromkeys(ids) if name in groups}
    return known, [name for name in dict.fromkeys(ids) if name not in groups]
