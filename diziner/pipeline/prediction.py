"""Predictions on the test documents: by the selected annotator, or by the vote of the selected coalition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from diziner.annotator.annotate import Annotated, annotate
from diziner.annotator.settings import AnswerSettings, annotator_settings
from diziner.prompting.asker import Asker
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document, Range, token_offsets
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
    from diziner.agreement.voting import weighted_consensus  # numpy, which a single annotator's predictions do without

    made = {
        name: annotate(
            documents, guideline, annotator_settings(name, voter.settings), asker, f"{label}, {name}", answers
        )
        for name, voter in sorted(selection.voters.items())
    }
    votes = {name: own.annotations for name, own in made.items()}
    weights = {name: voter.weight for name, voter in selection.voters.items()}
    consensus = weighted_consensus(documents, votes, [t.label for t in guideline.types], weights, selection.consensus)
    rows = zip(documents, *votes.values(), strict=True)
    joined = [_joined(document, own, consensus.get(document.id)) for document, *own in rows]
    return Annotated(joined, [used for own in made.values() for used in own.usage])


def _joined(document: Document, votes: Sequence[Annotation], spans: Sequence[Span] | None) -> Annotation:
    repairs = sum(vote.repairs for vote in votes)
    responses = tuple(key for vote in votes for key in vote.responses)
    if spans is None:
        first = next(vote.failure for vote in votes if vote.failure is not None)
        failure = Failure(first.code, f"all {len(votes)} voters failed; the first: {first.detail}")
        return Annotation(document.id, failure=failure, repairs=repairs, responses=responses)
    characters = _answered(document, votes, spans)
    return Annotation(document.id, tuple(spans), repairs=repairs, responses=responses, characters=characters)


def _answered(document: Document, votes: Sequence[Annotation], spans: Sequence[Span]) -> tuple[Range, ...]:
    """Return the characters that most votes for a span have, of equals the first; else those of its tokens."""
    offsets = token_offsets(document.tokens, document.text)
    counts: dict[Span, Counter[Range]] = {span: Counter() for span in spans}
    for vote in votes:
        for span, place in zip(vote.spans, vote.characters, strict=False):
            if span in counts:
                counts[span][place] += 1
    whole = ((offsets[span.start][0], offsets[span.end - 1][1]) for span in spans)
    return tuple(
        next((place for place, _ in counts[span].most_common(1)), own) for span, own in zip(spans, whole, strict=True)
    )
