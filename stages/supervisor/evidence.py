"""What the supervisor is shown of a round: its disagreements, in the type names that annotators know."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.contracts import EntityType, ErrorExample, ErrorGroup

NO_ENTITY = "no entity"  # how prompts write that a string is left unmarked


@dataclass(frozen=True, slots=True)
class Evidence:
    """One round's disagreements: groups over all annotators, each annotator's own against the consensus,
    the coalition, and the report (markdown, with the benchmark's labels)."""

    groups: tuple[ErrorGroup, ...]
    by_annotator: Mapping[str, tuple[ErrorGroup, ...]]
    coalition: tuple[str, ...]
    report: str


def evidence_from_json(value: Mapping[str, Any], report: str, types: Sequence[EntityType]) -> Evidence:
    """From a checked disagreements.json and the report beside it.

    In groups, labels are replaced by the types' names and O by "no entity": annotators know no labels.
    """
    rename = _renaming(types)
    return Evidence(
        tuple(_group(entry, rename) for entry in value["groups"]),
        {name: tuple(_group(entry, rename) for entry in entries) for name, entries in value["annotators"].items()},
        tuple(value["coalition"]),
        report,
    )


def _group(value: Mapping[str, Any], rename: Callable[[str], str]) -> ErrorGroup:
    examples = tuple(
        ErrorExample(
            **{
                **entry,
                "consensus": rename(entry["consensus"]),
                "alternatives": tuple((rename(reading), tuple(names)) for reading, names in entry["alternatives"]),
            }
        )
        for entry in value["examples"]
    )
    return ErrorGroup(value["family"], rename(value["subtype"]), value["tokens"], value["mentions"], examples)


def _renaming(types: Sequence[EntityType]) -> Callable[[str], str]:
    """Rename labels where they stand as such in a reading (`ORG "Bank"; O`) or a subtype (`ORG_to_O`)."""
    names = {t.label: t.name for t in types} | {"O": NO_ENTITY}
    labels = "|".join(re.escape(label) for label in sorted(names, key=lambda label: (-len(label), label)))
    place = re.compile(rf'(?:(?<=^)|(?<=; )|(?<=_to_))(?:{labels})(?=$|; | "|_to_|_bounds)')
    return lambda text: place.sub(lambda found: names[found.group()], text)
