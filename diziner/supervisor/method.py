"""Methods of refinement: by disagreements, or by the documents' texts alone."""

from __future__ import annotations

from diziner.prompting.asker import Asker
from diziner.supervisor.agreed_examples import with_agreed_examples
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.metaprompt import improve
from diziner.supervisor.refine import Refinement, Trials, refine
from diziner.supervisor.settings import SupervisorSettings


def refine_by_method(
    start: StartingPoint,
    evidence: Evidence,
    before: AnnotatedRound,
    settings: SupervisorSettings,
    asker: Asker,
    label: str,
    trials: Trials | None = None,
) -> Refinement:
    """Return the guideline of the next round by `settings.method`.

    disagreements: refined by what the round `before` disagrees about, with `trials` of each line and with examples from
    agreement where the settings ask for them. metaprompt: by the documents' texts alone.
    """
    if settings.method == "metaprompt":
        return improve(start, before.documents, settings, asker, label)
    return with_agreed_examples(refine(start, evidence, settings, asker, label, trials), start, before, settings)
