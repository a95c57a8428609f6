"""Metaprompt: a supervisor without disagreements, the rival that ours is compared with.

It sees what ours sees of the guideline, and the texts of the round's documents, but nothing of what annotators made of
them. Limits, receipts and the way a new line takes an old one's place are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from diziner.guideline.file import known_ids
from diziner.prompting.asker import Asker
from diziner.prompting.templates import word_list
from diziner.records.documents import Document
from diziner.records.guideline import Example, Guideline, Instruction, Receipt
from diziner.supervisor.apply import DROPPED, WAITS, integrate, numbered
from diziner.supervisor.bounds import Candidate, foreign_to, within_limits
from diziner.supervisor.evidence import NO_ENTITY, Evidence
from diziner.supervisor.history import StartingPoint, candidate_to_json
from diziner.supervisor.phases import Question, Supervisor
from diziner.supervisor.refine import Refinement, refine
from diziner.supervisor.settings import SupervisorSettings

PHASE = "metaprompt"
_NOTHING = Evidence((), {}, ())


def improve(
    start: StartingPoint, documents: Sequence[Document], settings: SupervisorSettings, asker: Asker, label: str
) -> Refinement:
    """Return the guideline of the next round, from where this one leaves off and its documents' texts.

    One call a round, of at most `max_common` instructions for all annotators; none for one annotator, and the goal
    stays, since nothing is known of who errs. Record and edges are those of `diziner.supervisor.refine.refine`.
    """
    carried = refine(start, _NOTHING, settings, asker, label)  # without evidence it asks nothing and keeps all
    if start.stopped or settings.max_common == 0:
        return carried
    guideline = start.guideline
    supervisor = Supervisor(guideline, settings, asker, label, start.rejected)
    texts = [document.text for document in documents]
    dialogue = supervisor.ask(PHASE, [_question(guideline, settings, texts)])[0]
    receipt = Receipt(
        round=guideline.round + 1,
        status="new",
        documents=tuple(document.id for document in documents),
        responses=dialogue.responses,
    )
    answered = [_candidate(item, receipt) for item in dialogue.items("instructions")]
    words = word_list("supervisor/examples.words.v1") if settings.batch == "one" else ()
    kept, cut = within_limits(answered, guideline, settings, foreign_to(guideline, texts, words), start.rejected)
    candidates = numbered([*start.waiting, *kept], guideline)
    integrated = integrate(guideline, candidates, {}, settings.max_words, settings.max_change)
    outcomes = integrated.outcomes
    record = dict(carried.record) | {
        "phases": supervisor.record,
        "responses": supervisor.responses,
        "written": len(answered),
        "cut": [asdict(entry) for entry in cut],
        "outcomes": outcomes,
        "waiting": [candidate_to_json(candidate) for candidate in integrated.waiting],
        "changed_share": round(integrated.changed_share, 6),
        "kept_previous": all(outcome.startswith((DROPPED, WAITS)) for outcome in outcomes.values()),
    }
    return Refinement(integrated.guideline, record, supervisor.usage)


def _question(guideline: Guideline, settings: SupervisorSettings, texts: Sequence[str]) -> Question:
    standing = known_ids(guideline)
    variables = {"limit": settings.max_common, "standing": bool(standing)}
    # Small models say an example's annotation in a word, large ones put it in brackets.
    own = {"no_entity": NO_ENTITY} if settings.batch == "one" else {"type": guideline.types[0].name}
    return Question(
        "\n".join(f"- {' '.join(text.split())}" for text in texts),
        settings.max_patterns if settings.max_common is None else settings.max_common,
        variables | own,
        choices={"replaces": ["", *standing], "annotation": [*(t.name for t in guideline.types), NO_ENTITY]},
    )


def _candidate(item: Mapping[str, Any], receipt: Receipt) -> Candidate:
    instruction = Instruction(
        id="",  # given when it is known how many go on
        text=" ".join(item["text"].split()),
        examples=tuple(Example(**example) for example in item["examples"] if example["text"].strip()),
        receipt=receipt,
    )
    return Candidate(instruction, replaces=item["replaces"])
