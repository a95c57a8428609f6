"""Vote of several annotators on documents, and how sure each of its decisions is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from diziner.common.exact import as_written
from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document, Range, token_offsets
from diziner.records.votes import Voted


def vote(
    documents: Sequence[Document],
    annotations: Mapping[str, Sequence[Annotation]],
    types: Sequence[str],
    weights: Mapping[str, float],
    kind: str,
) -> list[Voted]:
    """Return the weighted majority of annotations (method section 4), one for each document, in order.

    `annotations` are each annotator's rows, in the order of the documents. A failed one is no vote; a document that all
    failed is a failure. Repairs and responses are those of all votes. `kind` is the setting `disagreement.consensus`.
    """
    consensus = _consensus(documents, annotations, types, weights, kind)
    rows = zip(documents, *annotations.values(), strict=True)
    return [
        _voted(document, dict(zip(annotations, own, strict=True)), consensus.get(document.id), weights)
        for document, *own in rows
    ]


def _consensus(
    documents: Sequence[Document],
    annotations: Mapping[str, Sequence[Annotation]],
    types: Sequence[str],
    weights: Mapping[str, float],
    kind: str,
) -> dict[str, tuple[Span, ...]]:
    """Vote on documents that the same annotators answered at once: few documents may have none that two answered."""
    from diziner.agreement.voting import weighted_consensus  # numpy, which a single annotator's rows do without

    groups: dict[tuple[str, ...], list[int]] = {}
    for place in range(len(documents)):
        answered = tuple(name for name, rows in annotations.items() if rows[place].failure is None)
        groups.setdefault(answered, []).append(place)
    found: dict[str, tuple[Span, ...]] = {}
    for names, places in groups.items():
        if names:
            own = {name: [annotations[name][place] for place in places] for name in names}
            voters = {name: weights[name] for name in names}
            found |= weighted_consensus([documents[place] for place in places], own, types, voters, kind)
    return found


def _voted(
    document: Document, votes: Mapping[str, Annotation], spans: Sequence[Span] | None, weights: Mapping[str, float]
) -> Voted:
    from diziner.agreement.shares import confidence, disagreement, span_shares

    repairs = sum(row.repairs for row in votes.values())
    responses = tuple(key for row in votes.values() for key in row.responses)
    if spans is None:
        first = next(row.failure for row in votes.values() if row.failure is not None)
        failure = Failure(first.code, f"all {len(votes)} voters failed; the first: {first.detail}")
        return Voted(Annotation(document.id, failure=failure, repairs=repairs, responses=responses), votes)
    characters = _answered(document, list(votes.values()), spans)
    annotation = Annotation(document.id, tuple(spans), repairs=repairs, responses=responses, characters=characters)
    found = {name: row.spans for name, row in votes.items() if row.failure is None}
    shares = span_shares(found, {name: as_written(weights[name]) for name in found})
    apart = disagreement(found)
    return Voted(
        annotation,
        votes,
        tuple(rounded(float(shares.get(span, 0))) for span in spans),
        tuple((span, rounded(float(share))) for span, share in shares.items() if span not in spans),
        None if apart is None else rounded(float(apart)),
        None if apart is None else rounded(float(confidence(shares, spans))),
    )


def _answered(document: Document, votes: Sequence[Annotation], spans: Sequence[Span]) -> tuple[Range, ...]:
    """Return the characters that most votes for a span have, of equals the first; else those of its tokens."""
    offsets = token_offsets(document.tokens, document.text)
    counts: dict[Span, Counter[Range]] = {span: Counter() for span in spans}
    for row in votes:
        for span, place in zip(row.spans, row.characters, strict=False):
            if span in counts:
                counts[span][place] += 1
    whole = ((offsets[span.start][0], offsets[span.end - 1][1]) for span in spans)
    return tuple(
        next((place for place, _ in counts[span].most_common(1)), own) for span, own in zip(spans, whole, strict=True)
    )
