"""Documents as they go out to other tools: a text, its tokens, and what is said to be in it, by whom and how surely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from diziner.common.files import dump_line
from diziner.common.rounding import rounded

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
    """Labels of a document by one annotator, or by the vote of several.

    `score` says how sure they are: of a vote the least share behind one of its decisions, of an annotator in it the
    mean strict span F1 with each of the others on this document. None where there is nobody to compare with.
    """

    by: str
    mentions: tuple[Mention, ...]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """One document. `labels` is what it is said to hold, None where nobody could say; `voted`: that is a vote, and so
    an offer to whoever reviews it, not a decision. `predictions` are the annotators' own. `other`: what else its file
    says about it, by name."""

    id: str
    text: str
    tokens: tuple[str, ...]
    labels: Labels | None
    voted: bool = False
    predictions: tuple[Labels, ...] = ()
    confidence: float | None = None
    disagreement: float | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    def beside(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a form says of the document itself, and all else beside it, under other names where those are
        taken."""
        return {**{_free(name, own): value for name, value in self.other.items()}, **own}


def plain_value(value: Any) -> str | int | float | None:
    """Return a value as forms of plain columns hold it: lists, objects, true and false as JSON."""
    return value if isinstance(value, str | float | None) or type(value) is int else dump_line(value)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name = f"other_{name}"
    return name


def exported(row: Mapping[str, Any]) -> Exported:
    """Return the document of a row of `labelled.schema.json`, with votes or without."""
    voted = "votes" in row
    shares = _shares(row)
    labels = (
        None if row["failure"] else Labels(CONSENSUS if voted else "", _mentions(row, shares), row.get("confidence"))
    )
    votes = {name: vote for name, vote in sorted(row.get("votes", {}).items()) if vote["failure"] is None}
    found = {name: frozenset(map(tuple, vote["spans"])) for name, vote in votes.items()}
    own = (Labels(name, _mentions(vote, shares), _agreement(name, found)) for name, vote in votes.items())
    return Exported(
        id=row["id"],
        text=row["text"],
        tokens=tuple(row["tokens"]),
        labels=labels,
        voted=voted,
        predictions=tuple(own),
        confidence=row.get("confidence"),
        disagreement=row.get("disagreement"),
        other=row.get("other") or {},
    )


def _shares(row: Mapping[str, Any]) -> dict[tuple[Any, ...], float]:
    """Return the share of the votes behind each span that somebody has, whether it won or not."""
    won = zip(map(tuple, row["spans"]), row.get("shares", ()), strict=False)
    return {**dict(won), **{(start, end, label): share for start, end, label, share in row.get("outvoted", ())}}


def _agreement(name: str, found: Mapping[str, frozenset[tuple[Any, ...]]]) -> float | None:
    own = found[name]
    others = [each for other, each in found.items() if other != name]
    sizes = [(len(own & each), len(own) + len(each)) for each in others]
    pairs = [Fraction(2 * both, size) if size else Fraction(1) for both, size in sizes]
    return rounded(float(sum(pairs) / len(pairs))) if pairs else None


def _mentions(row: Mapping[str, Any], shares: Mapping[tuple[Any, ...], float]) -> tuple[Mention, ...]:
    pairs = zip(row["spans"], row["characters"], strict=True)
    return tuple(
        Mention(first, last, start, end, label, shares.get((start, end, label)))
        for (start, end, label), (first, last) in pairs
    )
