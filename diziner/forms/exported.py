"""Documents as they go out to other tools: a text, its tokens, and what is said to be in it, by whom and how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONSENSUS = "consensus"


@dataclass(frozen=True, slots=True)
class Mention:
    """One mention: characters `first` to `last` and tokens `start` to `end`, ends excluded; the share of the votes that
    have it, if there was a vote."""

    first: int
    last: int
    start: int
    end: int
    label: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of a document by one annotator, or by the vote of several, with the least share behind a decision."""

    by: str
    mentions: tuple[Mention, ...]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """One document. `labels` is what it is said to hold, None where nobody could say; `voted`: that is a vote, and so
    an offer to whoever reviews it, not a decision. `predictions` are the annotators' own."""

    id: str
    text: str
    tokens: tuple[str, ...]
    labels: Labels | None
    voted: bool = False
    predictions: tuple[Labels, ...] = ()
    confidence: float | None = None
    disagreement: float | None = None


def exported(row: Mapping[str, Any]) -> Exported:
    """Return the document of a row of `labelled.schema.json`, with votes or without."""
    voted = "votes" in row
    mentions = _mentions(row, row.get("shares", ()))
    labels = None if row["failure"] else Labels(CONSENSUS if voted else "", mentions, row.get("confidence"))
    votes = row["votes"] if voted else {}
    own = (Labels(name, _mentions(vote)) for name, vote in sorted(votes.items()) if vote["failure"] is None)
    return Exported(
        id=row["id"],
        text=row["text"],
        tokens=tuple(row["tokens"]),
        labels=labels,
        voted=voted,
        predictions=tuple(own),
        confidence=row.get("confidence"),
        disagreement=row.get("disagreement"),
    )


def _mentions(row: Mapping[str, Any], shares: Sequence[float] = ()) -> tuple[Mention, ...]:
    pairs = zip(row["spans"], row["characters"], strict=True)
    return tuple(
        Mention(first, last, start, end, label, shares[number] if shares else None)
        for number, ((start, end, label), (first, last)) in enumerate(pairs)
    )
