"""Predictions on the test documents: by the selected annotator, or by the vote of the selected coalition."""

from __future__ import annotations

from collections.abc import Sequence

from stages.annotator.annotate import annotate
from stages.annotator.settings import AnswerSettings, annotator_settings
from stages.contracts import Annotation, Document, Failure, Guideline, Selection, Span
from stages.llm.ask import Asker


def predict(
    documents: Sequence[Document],
    guideline: Guideline,
    selection: Selection,
    asker: Asker,
    label: str,
    answers: AnswerSettings,
) -> list[Annotation]:
    """One annotation per document, in order, by one guideline.

    Without voters the selected annotator's. With voters the weighted majority of theirs (method section 4), in
    which a failed document is no vote; a document that all of them failed is a failure, and a row's repairs and
    responses are those of all votes.
    Errors: as `annotate`, for each annotator.
    """
    if not selection.voters:
        annotator = annotator_settings(selection.annotator, selection.settings)
        return annotate(documents, guideline, annotator, asker, f"{label}, {annotator.name}", answers)
    from stages.agreement import weighted_consensus  # numpy, which a single annotator's predictions do without

    votes = {
        name: annotate(
            documents, guideline, annotator_settings(name, voter.settings), asker, f"{label}, {name}", answers
        )
        for name, voter in sorted(selection.voters.items())
    }
    weights = {name: voter.weight for name, voter in selection.voters.items()}
    consensus = weighted_consensus(documents, votes, [t.label for t in guideline.types], weights)
    rows = zip(documents, *votes.values(), strict=True)
    return [_joined(document, own, consensus.get(document.id)) for document, *own in rows]


def _joined(document: Document, votes: Sequence[Annotation], spans: Sequence[Span] | None) -> Annotation:
    repairs = sum(vote.repairs for vote in votes)
    responses = tuple(key for vote in votes for key in vote.responses)
    if spans is None:
        first = next(vote.failure for vote in votes if vote.failure is not None)
        failure = Failure(first.code, f"all {len(votes)} voters failed; the first: {first.detail}")
        return Annotation(document.id, failure=failure, repairs=repairs, responses=responses)
    return Annotation(document.id, spans=tuple(spans), repairs=repairs, responses=responses)
