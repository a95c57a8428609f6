"""Integration (phase 4), a candidate a call: how each new instruction joins those that stand."""

from __future__ import annotations

from collections.abc import Sequence

from diziner.guideline.file import known_ids
from diziner.supervisor.apply import Decision
from diziner.supervisor.bounds import Candidate
from diziner.supervisor.phases import Question, Supervisor, instruction_lines


def decide(supervisor: Supervisor, candidates: Sequence[Candidate]) -> dict[str, Decision]:
    """Return a decision for each candidate that the supervisor spoke about, by id; not asked where there is nothing
    to weigh."""
    weighed = [c for c in candidates if known_ids(supervisor.guideline, c.annotator)]
    questions = [_question(supervisor, candidate) for candidate in weighed]
    decisions: dict[str, Decision] = {}
    for candidate, dialogue in zip(weighed, supervisor.ask("integration", questions), strict=True):
        name = candidate.instruction.id
        for item in dialogue.items("decisions")[:1]:
            # A lone candidate needs no name: small models misspell it.
            decisions[name] = Decision(**{**item, "candidate": name})
    return decisions


def _question(supervisor: Supervisor, candidate: Candidate) -> Question:
    standing = ["", *known_ids(supervisor.guideline, candidate.annotator)]
    return Question(
        "\n".join(instruction_lines(candidate.instruction)),
        1,
        {"annotator": candidate.annotator, "max_change": supervisor.settings.max_change},
        about=candidate.annotator or "",
        choices={"candidate": [candidate.instruction.id], "target": standing, "parent": standing},
    )
