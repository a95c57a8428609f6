"""Votes: what several annotators found in a document, what won, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.records.labelled import characters_of, labelled_row


@dataclass(frozen=True, slots=True)
class Voted:
    """A document's annotation by vote. `votes` are the annotators' own, a failure among them being none.

    `shares` has, for each span of the annotation, the share of the votes' weight that has exactly this span, and
    `outvoted` the spans that some have and that did not win, with theirs. `disagreement` is 1 less the mean strict span
    F1 of each two votes. `confidence` is the least of all decisions on the document: the share of what won, 1 less the
    share of what did not. Both are None where fewer than two voted.
    """

    annotation: Annotation
    votes: Mapping[str, Annotation]
    shares: tuple[float, ...] = ()
    outvoted: tuple[tuple[Span, float], ...] = ()
    disagreement: float | None = None
    confidence: float | None = None


def voted_row(document: Document, voted: Voted) -> dict[str, Any]:
    """Return a row of `labelled.schema.json` with votes."""
    return {
        **labelled_row(document, voted.annotation),
        "shares": list(voted.shares),
        "outvoted": [[span.start, span.end, span.type, share] for span, share in voted.outvoted],
        "disagreement": voted.disagreement,
        "confidence": voted.confidence,
        "votes": {name: _vote(document, vote) for name, vote in sorted(voted.votes.items())},
    }


def _vote(document: Document, vote: Annotation) -> dict[str, Any]:
    return {
        "spans": [[span.start, span.end, span.type] for span in vote.spans],
        "characters": [list(place) for place in characters_of(document, vote)],
        "failure": None if vote.failure is None else {"code": vote.failure.code, "detail": vote.failure.detail},
    }
