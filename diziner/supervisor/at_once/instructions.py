"""Instructions and goal (phase 3), in one call: candidates for everyone and for single annotators, seen together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.guideline.file import all_instructions
from diziner.guideline.word_edits import common_words
from diziner.records.guideline import Goal
from diziner.supervisor.apply import shown_words
from diziner.supervisor.at_once.findings import Finding, findings_case
from diziner.supervisor.bounds import (
    LONGEST_LINE,
    Candidate,
    Cut,
    fault,
    folded,
    on_one_line,
    within_limits,
    written,
)
from diziner.supervisor.evidence import receipt_of
from diziner.supervisor.phases import Question, Supervisor, changed_goal


def new_instructions(
    supervisor: Supervisor, findings: Sequence[Finding], beside: Sequence[Candidate] = ()
) -> tuple[list[Candidate], int, list[Cut]]:
    """Return the candidates that go on, each with its receipt and not yet numbered, how many instructions were written,
    and what was cut for good.

    What cannot be taken goes back to the supervisor once, with the reasons. `beside` are candidates that wait from the
    round before.
    """
    if not findings:
        return [], 0, []
    known = {finding.id: finding for finding in findings}
    question = _question(supervisor, findings)
    dialogue = supervisor.ask("instructions", [question])[0]
    items = dialogue.items("instructions")
    kept, cut = _checked(supervisor, items, known, dialogue.responses, beside)
    if cut and dialogue.value is not None:
        faults = [fault(entry) for entry in cut]
        again = supervisor.ask_to_mend("instructions", [question], [dialogue.value], [faults])[0]
        responses = (*dialogue.responses, *again.responses)
        # First what was kept and is given once more, so that nothing else takes its place.
        places = {_place(c) for c in kept}
        repeated = [item for item in again.items("instructions") if _place_of(item) in places]
        others = [item for item in again.items("instructions") if _place_of(item) not in places]
        given = {_place_of(item) for item in repeated}
        rest = [c for c in kept if _place(c) not in given]
        better, still = _checked(supervisor, repeated, known, responses, [*beside, *rest])
        kept = _with_better(kept, better)
        mended, more = _checked(supervisor, others, known, responses, [*beside, *kept])
        kept, cut = [*kept, *mended], _for_good(cut, better, mended, [*still, *more])
    return kept, len(items), cut


def new_goal(supervisor: Supervisor, patterns: Sequence[Finding]) -> Goal:
    """Return the goal, asked about only where a pattern says what it would have to make clear."""
    open_questions = [f for f in patterns if f.said["clarify"].strip()]
    before = supervisor.guideline.goal
    if not open_questions:
        return before
    lines = [f"- {f.said['name']}: {f.said['clarify']} Principle: {f.said['principle']}" for f in open_questions]
    return changed_goal(before, supervisor.ask("goal", [Question("\n".join(lines), 1)])[0])


def _question(supervisor: Supervisor, findings: Sequence[Finding]) -> Question:
    settings, guideline = supervisor.settings, supervisor.guideline
    standing = [line.id for line in all_instructions(guideline) if line.receipt]
    variables = {
        "max_common": settings.max_common,
        "max_specific": settings.max_specific,
        "max_words": settings.max_words,
        "max_example_words": settings.max_example_words,
        "words": shown_words(guideline),
        "longest": LONGEST_LINE,
        "standing": bool(standing),
        "type": guideline.types[0].name,
    }
    choices = {
        "annotator": ["", *dict.fromkeys(f.annotator for f in findings if f.annotator)],
        "addresses": [f.id for f in findings],
        "replaces": ["", *standing],
    }
    case = findings_case(findings, settings.max_evidence_tokens)
    return Question(case, len(findings), variables, choices=choices)


def _checked(
    supervisor: Supervisor,
    items: Sequence[Mapping[str, Any]],
    findings: Mapping[str, Finding],
    responses: Sequence[str],
    beside: Sequence[Candidate],
) -> tuple[list[Candidate], list[Cut]]:
    candidates: list[Candidate] = []
    cut: list[Cut] = []
    diagnosed = {f.annotator for f in findings.values()}
    for item in items:
        text = on_one_line(item["text"])
        unknown = [name for name in item["addresses"] if name not in findings]
        annotator = item["annotator"] or None
        if unknown and len(unknown) == len(item["addresses"]):
            cut.append(Cut(text, f"addresses {unknown[0]}; there are: {', '.join(findings)}"))
        elif annotator is not None and annotator not in diagnosed:
            allowed = ", ".join(sorted(filter(None, diagnosed))) or "none"
            cut.append(Cut(text, f"is for {annotator}, of whom no need was found; there are: {allowed}"))
        else:
            candidates.append(_candidate(item, annotator, findings, responses, supervisor.guideline.round + 1))
    kept, over = within_limits(
        candidates, supervisor.guideline, supervisor.settings, rejected=supervisor.rejected, beside=beside
    )
    return kept, [*cut, *over]


def _candidate(
    item: Mapping[str, Any],
    annotator: str | None,
    findings: Mapping[str, Finding],
    responses: Sequence[str],
    number: int,
) -> Candidate:
    # What addresses nothing by name was written with all findings of its annotators in view.
    named = [findings[name] for name in item["addresses"] if name in findings]
    own = named or [f for f in findings.values() if f.annotator == annotator]
    keys = [*(key for finding in own for key in finding.responses), *responses]
    groups = [group for finding in own for group in finding.groups.values()]
    receipt = receipt_of(number, groups, keys, shown=None)
    return written(item, receipt, annotator, tuple(finding.id for finding in own))


def _place(candidate: Candidate) -> tuple[str | None, str]:
    return candidate.annotator, folded(candidate.instruction.text)


def _place_of(item: Mapping[str, Any]) -> tuple[str | None, str]:
    return item["annotator"] or None, folded(item["text"])


def _with_better(kept: Sequence[Candidate], better: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates, those of the same text as one of the repair turn in that one's form."""
    return list({_place(candidate): candidate for candidate in (*kept, *better)}.values())


def _for_good(
    cut: Sequence[Cut], better: Sequence[Candidate], mended: Sequence[Candidate], still: Sequence[Cut]
) -> list[Cut]:
    """Return what stays cut after the repair turn: a mended candidate stands for the one cut that is most like it. One
    that was kept before (`better`) mends no more than its own examples."""
    texts = {folded(candidate.instruction.text) for candidate in (*better, *mended)}
    broken = {folded(entry.of) for entry in still if entry.of}
    # Examples of an instruction that was given again are mended, unless they were cut again.
    left = [entry for entry in cut if not entry.of or folded(entry.of) not in texts or folded(entry.of) in broken]
    for candidate in mended:
        lines = [entry for entry in left if not entry.of]
        if lines:
            left.remove(max(lines, key=lambda entry: common_words(entry.text, candidate.instruction.text)))
    known = {folded(entry.of) for entry in left if entry.of}
    return [*left, *(entry for entry in still if entry.of and folded(entry.of) not in known)]
