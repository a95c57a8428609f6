"""Instructions (phase 3): written from findings, for everyone or for one annotator; the goal may be rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.guideline.file import known_ids
from diziner.prompting.dialogue import Dialogue
from diziner.records.guideline import Goal
from diziner.supervisor.apply import shown_words
from diziner.supervisor.bounds import Candidate, Cut, fault, number_limit, within_limits, written
from diziner.supervisor.evidence import receipt_of
from diziner.supervisor.one_by_one.patterns import Finding
from diziner.supervisor.phases import Question, Supervisor, changed_goal


def new_instructions(
    supervisor: Supervisor, findings: Sequence[Finding], waiting: Sequence[Candidate], foreign: frozenset[str]
) -> tuple[list[Candidate], int, list[Cut]]:
    """Return the candidates that go on, those that wait from the round before first, each with its receipt and not yet
    numbered; how many instructions were written; and what was cut for good.

    What cannot be taken goes back to the supervisor once, with the reason (not where the number of instructions is
    full: no other text would mend that). `foreign` are words of the worked examples.
    """
    questions = [_question(supervisor, finding) for finding in findings]
    dialogues = supervisor.ask("instructions", questions)
    kept, cut = _within(supervisor, waiting, foreign, [])
    by_finding: dict[int, Candidate] = {}
    cuts: dict[int, list[Cut]] = {}
    count = 0
    to_mend: list[int] = []
    for number, (finding, dialogue) in enumerate(zip(findings, dialogues, strict=True)):
        for item in dialogue.items("instructions")[:1]:
            count += 1
            beside = [*kept, *by_finding.values()]
            full = number_limit(finding.annotator, supervisor.settings, beside)
            fit, faults = _within(supervisor, [_candidate(supervisor, finding, item, dialogue)], foreign, beside)
            if fit:
                by_finding[number] = fit[0]
            cuts[number] = faults
            if faults and not full:
                to_mend.append(number)
    if to_mend:
        values = [dialogues[number].value or {} for number in to_mend]
        reasons = [[fault(entry) for entry in cuts[number]] for number in to_mend]
        again = supervisor.ask_to_mend("instructions", [questions[number] for number in to_mend], values, reasons)
        for number, dialogue in zip(to_mend, again, strict=True):
            beside = [*kept, *(candidate for other, candidate in by_finding.items() if other != number)]
            for item in dialogue.items("instructions")[:1]:
                mended = _candidate(supervisor, findings[number], item, dialogues[number], dialogue)
                fit, faults = _within(supervisor, [mended], foreign, beside)
                if fit:
                    by_finding[number], cuts[number] = fit[0], faults
    cut += [entry for number in sorted(cuts) for entry in cuts[number]]
    return [*kept, *(by_finding[number] for number in sorted(by_finding))], count, cut


def new_goal(supervisor: Supervisor, findings: Sequence[Finding]) -> Goal:
    """Return the goal, changed only as a whole and only with text in every section."""
    question = Question("\n".join(finding.text for finding in findings), 1)
    return changed_goal(supervisor.guideline.goal, supervisor.ask("goal", [question])[0])


def _question(supervisor: Supervisor, finding: Finding) -> Question:
    settings, guideline = supervisor.settings, supervisor.guideline
    standing = known_ids(guideline, finding.annotator)
    variables = {
        "standing": bool(standing),
        "annotator": finding.annotator,
        "limit": settings.max_common if finding.annotator is None else settings.max_specific,
        "max_example_words": settings.max_example_words,
        "max_words": settings.max_words,
        "words": shown_words(guideline),
    }
    choices = {"replaces": ["", *standing]}
    return Question(finding.text, 1, variables, about=finding.annotator or "", choices=choices)


def _candidate(supervisor: Supervisor, finding: Finding, item: Mapping[str, Any], *dialogues: Dialogue) -> Candidate:
    keys = (*finding.responses, *(key for dialogue in dialogues for key in dialogue.responses))
    return written(item, receipt_of(supervisor.guideline.round + 1, finding.groups, keys), finding.annotator)


def _within(
    supervisor: Supervisor, candidates: Sequence[Candidate], foreign: frozenset[str], beside: Sequence[Candidate]
) -> tuple[list[Candidate], list[Cut]]:
    return within_limits(
        candidates, supervisor.guideline, supervisor.settings, foreign, supervisor.rejected, beside=beside
    )
