"""Metaprompt: a supervisor without disagreements, the rival that ours is compared with.

It sees what ours sees of the guideline, and the texts of the round's documents, but nothing of what annotators made of
them. Limits, receipts and the way a new line takes an old one's place are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from diziner.guideline.file import known_ids
from diziner.prompting.asker import Asker
from diziner.prompting.templates import word_list
from diziner.records.documents import Document
from diziner.records.guideline import Guideline, Receipt
from diziner.supervisor.apply import numbered
from diziner.supervisor.bounds import foreign_to, within_limits, written
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.phases import Question, Supervisor
from diziner.supervisor.proposal import Proposal
from diziner.supervisor.refine import Refinement, applied, carried_over
from diziner.supervisor.settings import SupervisorSettings

PHASE = "metaprompt"


def improve(
    start: StartingPoint, documents: Sequence[Document], settings: SupervisorSettings, asker: Asker, label: str
) -> Refinement:
    """Return the guideline of the next round, from where this one leaves off and its documents' texts.

    One call a round, of at most `max_common` instructions for all annotators; none for one annotator, and the goal
    stays, since nothing is known of who errs. Record and edges are those of `diziner.supervisor.refine.refine`.
    """
    guideline = start.guideline
    supervisor = Supervisor(guideline, settings, asker, label, start.rejected)
    if start.stopped or settings.max_common == 0:
        return carried_over(start, supervisor)
    texts = [document.text for document in documents]
    dialogue = supervisor.ask(PHASE, [_question(guideline, settings, texts)])[0]
    receipt = Receipt(
        round=guideline.round + 1,
        status="new",
        documents=tuple(document.id for document in documents),
        responses=dialogue.responses,
    )
    answered = [written(item, receipt) for item in dialogue.items("instructions")]
    words = word_list("supervisor/examples.words.v1") if settings.batch == "one" else ()
    kept, cut = within_limits(answered, guideline, settings, foreign_to(guideline, texts, words), start.rejected)
    candidates = numbered([*start.waiting, *kept], guideline)
    return applied(start, supervisor, Proposal([], {}, len(answered), candidates, cut, guideline.goal, {}))


def _question(guideline: Guideline, settings: SupervisorSettings, texts: Sequence[str]) -> Question:
    standing = known_ids(guideline)
    variables = {"limit": settings.max_common, "standing": bool(standing)}
    own: dict[str, object] = {"type": guideline.types[0].name}
    if settings.batch == "one":
        own = {"max_example_words": settings.max_example_words}
    return Question(
        "\n".join(f"- {' '.join(text.split())}" for text in texts),
        settings.max_patterns if settings.max_common is None else settings.max_common,
        variables | own,
        choices={"replaces": ["", *standing]},
    )
