"""Integration (phase 4): the supervisor decides how the new instructions join those that stand."""

from __future__ import annotations

from collections.abc import Sequence

from diziner.guideline.file import known_ids
from diziner.supervisor.apply import Decision
from diziner.supervisor.bounds import Candidate
from diziner.supervisor.phases import Question, Supervisor, instruction_lines


def decide(supervisor: Supervisor, candidates: Sequence[Candidate]) -> dict[str, Decision]:
    """Return a decision for each candidate that the supervisor spoke about, by id; not asked where there is nothing
    to weigh."""
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
            {"annotator": chunk[0].annotator, "max_change": supervisor.settings.max_change},
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
        for item in dialogue.items("decisions"):
            # A lone candidate needs no name: small models misspell it.
            name = ids[0] if len(ids) == 1 else item["candidate"]
            if name in ids:
                decisions.setdefault(name, Decision(**{**item, "candidate": name}))
    return decisions
