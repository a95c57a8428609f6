"""Integration (phase 4), in one call: how new instructions join those that stand, and how these are kept in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from diziner.common.exact import as_written
from diziner.guideline.file import all_instructions
from diziner.supervisor.apply import Change, Decision, integrate, words_that_stand
from diziner.supervisor.bounds import Candidate, Cut
from diziner.supervisor.outline import FIRST
from diziner.supervisor.phases import Question, Supervisor, full_lines


def decide(
    supervisor: Supervisor, candidates: Sequence[Candidate]
) -> tuple[dict[str, Decision], list[Change], list[Cut]]:
    """Return decisions about candidates and about standing lines, and what of them names nothing.

    Not asked where there is nothing to weigh. Decisions that cannot be applied go back to the supervisor once.
    """
    guideline, settings = supervisor.guideline, supervisor.settings
    if not candidates or (len(candidates) == 1 and not any(all_instructions(guideline))):
        return {}, [], []
    question = _question(supervisor, candidates)
    dialogue = supervisor.ask("integration", [question])[0]
    decisions, changes, faults = _read(dialogue.value, question)
    outcomes = integrate(guideline, candidates, decisions, settings.max_words, settings.max_change, changes).outcomes
    problems = [f"{name}: {outcome}" for name, outcome in outcomes.items() if ":" in outcome]
    if dialogue.value is not None and (problems or faults):
        again = supervisor.ask_to_mend("integration", [question], [dialogue.value], [[*faults, *problems]])[0]
        others, more, unread = _read(again.value, question)
        faults = faults if again.value is None else unread
        decisions |= others
        named = {change.line for change in more}
        changes = [*(change for change in changes if change.line not in named), *more]
    return decisions, changes, [Cut(fault, "a decision that cannot be followed") for fault in faults]


def _question(supervisor: Supervisor, candidates: Sequence[Candidate]) -> Question:
    guideline, settings = supervisor.guideline, supervisor.settings
    lines = []
    for candidate in candidates:
        whom = f" (for {candidate.annotator} only)" if candidate.annotator else ""
        head, *rest = full_lines(candidate.instruction, guideline.types)
        lines += [f"{head}{whom}", *rest]
    standing = [line.id for line in all_instructions(guideline)]
    changeable = [line.id for line in all_instructions(guideline) if line.receipt]
    new = [candidate.instruction.id for candidate in candidates]
    stood = words_that_stand(guideline)
    limit = None if settings.max_change is None or not stood else int(as_written(settings.max_change) * Fraction(stood))
    return Question(
        "\n".join(["# New instructions", "", *lines]),
        len(candidates),
        {"words": stood, "change_words": limit, "max_words": settings.max_words},
        choices={
            "candidate": new,
            "target": ["", *changeable],
            "parent": ["", *standing, *new],
            "after": ["", FIRST, *standing, *new],
            "line": standing or ["none"],
        },
    )


def _read(value: Mapping[str, Any] | None, question: Question) -> tuple[dict[str, Decision], list[Change], list[str]]:
    """Return decisions by candidate, changes of standing lines, and a sentence for each that names nothing or comes
    twice."""
    decisions: dict[str, Decision] = {}
    changes: list[Change] = []
    faults: list[str] = []
    for item in value["decisions"] if value is not None else ():
        name = item["candidate"]
        if name not in question.choices["candidate"]:
            faults.append(f"a decision about {name}, which is no new instruction")
        elif name in decisions:
            faults.append(f"{name}: a second decision about it")
        elif item["action"] in {"merge", "replace"} and item["target"] not in question.choices["target"][1:]:
            allowed = ", ".join(question.choices["target"][1:]) or "none"
            faults.append(
                f"{name}: {item['action']} with {item['target'] or 'nothing'}; lines that may change: {allowed}"
            )
            decisions[name] = Decision(name)
        else:
            decisions[name] = Decision(
                **{key: item[key] for key in ("action", "target", "parent", "text", "after")}, candidate=name
            )
    for item in value["standing"] if value is not None else ():
        if item["line"] not in question.choices["line"]:
            faults.append(f"{item['action']} {item['line']}, which is no line that stands")
        else:
            changes.append(Change(item["line"], item["action"], item["parent"], item["after"]))
    return decisions, changes, faults
