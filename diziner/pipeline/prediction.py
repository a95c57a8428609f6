"""Predictions on the test documents: by the selected annotator, or by the vote of the selected coalition."""

from __future__ import annotations

from collections.abc import Sequence

from diziner.annotator.annotate import Annotated, annotate
from diziner.annotator.settings import AnswerSettings, annotator_settings
from diziner.pipeline.vote import vote
from diziner.prompting.asker import Asker
from diziner.records.documents import Document
from diziner.records.guideline import Guideline
from diziner.records.selection import Selection


def predict(
    documents: Sequence[Document],
    guideline: Guideline,
    selection: Selection,
    asker: Asker,
    label: str,
    answers: AnswerSettings,
) -> Annotated:
    """Predict one annotation per document, in order, by one guideline.

    Without voters the selected annotator's. With voters the weighted majority of theirs (method section 4), in
    which a failed document is no vote; a document that all of them failed is a failure, and a row's repairs and
    responses are those of all votes.
    Errors: as `annotate`, for each annotator.
    """
    if not selection.voters:
        annotator = annotator_settings(selection.annotator, selection.settings)
        return annotate(documents, guideline, annotator, asker, f"{label}, {annotator.name}", answers)
    made = {
        name: annotate(
            documents, guideline, annotator_settings(name, voter.settings), asker, f"{label}, {name}", answers
        )
        for name, voter in sorted(selection.voters.items())
    }
    votes = {name: own.annotations for name, own in made.items()}
    weights = {name: voter.weight for name, voter in selection.voters.items()}
    voted = vote(documents, votes, [t.label for t in guideline.types], weights, selection.consensus)
    return Annotated([each.annotation for each in voted], [used for own in made.values() for used in own.usage])
