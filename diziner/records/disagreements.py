"""Disagreements of a round: hotspots (hotspot.schema.json) and groups of errors (disagreements.schema.json)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diziner.common.rounding import rounded_finely


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A block of tokens `[start, end)` of one document where annotators disagree most (method section 5)."""

    id: str
    document: str
    start: int
    end: int
    kind: str  # elite_split | systematic_bias | complex | minor
    score: float  # mean U* over the block
    consensus: tuple[str, ...]  # BIO2 tag per token
    labels: Mapping[str, tuple[str, ...]]  # annotator -> BIO2 tag per token
    candidates: tuple[tuple[int, int], ...] = ()  # where spans may be nested: the bounds that the tags are of, if any


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """One mention: tokens `[start, end)` of a document where annotators read otherwise than the consensus.

    With the setting `disagreement.readings: mentions` together with the mentions that they stand in, those of the
    consensus and those that dispute it; then all readings have their texts, unless the consensus is nothing or just
    this mention.

    `hotspot` is the hotspot's id and `kind` its kind, both "" for a mention below the threshold.
    `context` has three tokens on each side, the mention in « ». A reading lists the entities that touch
    the mention: "O" where there is none, "ORG" where the mention is exactly one, else with the entity's
    own text, such as 'ORG "Bank of England"'. `agreeing` are the annotators that read as the consensus does
    (none, where a tie made it O), after "gold labels" where these take its place. `alternatives` holds each
    other reading with the annotators that gave it, most frequent first.
    """

    hotspot: str
    document: str
    start: int
    end: int
    span_text: str
    context: str
    consensus: str
    agreeing: tuple[str, ...]
    alternatives: tuple[tuple[str, tuple[str, ...]], ...]
    kind: str


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """All disagreements of one subtype, such as ORG_to_LOC, O_to_MISC, PER_to_O or PER_bounds.

    `tokens` counts pairs of annotator and token; `mentions` counts places: tokens of one hotspot (or of
    none) at most two apart, whoever disagrees there.
    """

    family: str
    subtype: str
    tokens: int
    mentions: int
    examples: tuple[ErrorExample, ...]


def hotspot_to_json(hotspot: Hotspot) -> dict[str, Any]:
    """Return one row of hotspots.jsonl (hotspot.schema.json)."""
    return {
        "id": hotspot.id,
        "document": hotspot.document,
        "start": hotspot.start,
        "end": hotspot.end,
        "kind": hotspot.kind,
        "score": rounded_finely(hotspot.score),
        "consensus": list(hotspot.consensus),
        "labels": {name: list(tags) for name, tags in hotspot.labels.items()},
    } | ({"candidates": [list(bounds) for bounds in hotspot.candidates]} if hotspot.candidates else {})


def hotspot_from_json(value: Mapping[str, Any]) -> Hotspot:
    """Return the Hotspot of a checked row of hotspots.jsonl."""
    return Hotspot(
        id=value["id"],
        document=value["document"],
        start=value["start"],
        end=value["end"],
        kind=value["kind"],
        score=value["score"],
        consensus=tuple(value["consensus"]),
        labels={name: tuple(tags) for name, tags in value["labels"].items()},
        candidates=tuple((first, last) for first, last in value.get("candidates", ())),
    )
