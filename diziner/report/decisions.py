"""Decisions that a person can take: what annotators disagree about most, with the answers that compete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from diziner.records.guideline import EntityType
from diziner.records.type_names import renaming

_EXTENT = "Span_Error"  # the family of disagreements about the extent of mentions
_EXTENTS = ("the longer mention", "the shorter mention")


def decisions_view(
    groups: Sequence[Mapping[str, Any]], types: Sequence[EntityType], limit: int
) -> list[dict[str, Any]]:
    """Return the first `limit` kinds of disagreement of a round, most tokens first, and of each its first cases.

    `name` is what `refine --choices` knows it by: types go by their names there, as in what the supervisor is told.
    """
    rename = renaming({entry.label: entry.name for entry in types})
    return [
        {
            "name": rename(group["subtype"]),
            "term": group["subtype"],
            "family": group["family"],
            "tokens": group["tokens"],
            "mentions": group["mentions"],
            "options": _options(group, rename(group["subtype"]), rename),
            "cases": [
                [example["document"], example["start"], example["end"], example["hotspot"]]
                for example in group["examples"][:5]
            ],
        }
        for group in sorted(groups, key=lambda group: (-group["tokens"], group["subtype"]))[:limit]
    ]


def kinds_by_hotspot(
    groups: Sequence[Mapping[str, Any]], types: Sequence[EntityType], hotspots: Collection[str]
) -> dict[str, str]:
    """Return the kind that each of these hotspots is an example of, the one with most tokens of several: what a line
    that a hotspot led to is about."""
    rename = renaming({entry.label: entry.name for entry in types})
    found: dict[str, str] = {}
    for group in sorted(groups, key=lambda group: (-group["tokens"], group["subtype"])):
        for example in group["examples"]:
            if example["hotspot"] in hotspots:
                found.setdefault(example["hotspot"], rename(group["subtype"]))
    return found


def _options(group: Mapping[str, Any], name: str, rename: Any) -> list[str]:
    """Return the answers that compete: types, most frequent first, or extents where the type is not in question."""
    if group["family"] == _EXTENT:
        return list(_EXTENTS)
    votes = Counter(dict.fromkeys(name.split("_to_"), 0))
    for example in group["examples"]:
        # A reading with the entity's own text belongs to one example; only its type is an answer to the kind.
        votes[rename(example["consensus"]).partition(' "')[0]] += 1
        for reading, annotators in example["alternatives"]:
            votes[rename(reading).partition(' "')[0]] += len(annotators)
    return sorted(votes, key=lambda reading: (-votes[reading], reading))
