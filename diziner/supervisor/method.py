"""Methods of refinement: by disagreements, or by the documents' texts alone."""

from __future__ import annotations

from collections.abc import Sequence

from diziner.prompting.asker import Asker
from diziner.records.documents import Document
from diziner.supervisor.evidence import Evidence
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.metaprompt import improve
from diziner.supervisor.refine import Refinement, refine
from diziner.supervisor.settings import SupervisorSettings


def refine_by_method(
    start: StartingPoint,
    evidence: Evidence,
    documents: Sequence[Document],
    settings: SupervisorSettings,
    asker: Asker,
    label: str,
) -> Refinement:
    """Return the guideline of the next round by `settings.method`; each method sees its part alone of a round's
    disagreements and its documents."""
    if settings.method == "metaprompt":
        return improve(start, documents, settings, asker, label)
    return refine(start, evidence, settings, asker, label)
