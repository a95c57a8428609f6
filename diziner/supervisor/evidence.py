"""Evidence that the supervisor is shown of a round: its disagreements, in the type names that annotators know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diziner.records.disagreements import ErrorExample, ErrorGroup
from diziner.records.guideline import EntityType, Receipt
from diziner.records.type_names import NO_ENTITY as NO_ENTITY
from diziner.records.type_names import renaming

EXAMPLES_SHOWN = 3  # per group of disagreements; the report for large models shows more


@dataclass(frozen=True, slots=True)
class Leaning:
    """Departure of one annotator from the consensus: its mean `agreement` with the others (strict span F1), the share
    of its tokens labelled like the consensus, entity tokens more or fewer than the consensus, in all and by type
    name, and how many documents it did not answer."""

    agreement: float
    like_consensus: float
    over_tagging: int
    types: Mapping[str, int]
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One round's disagreements: groups over all annotators, each annotator's own against the consensus and its
    leaning, and the coalition. `gold`: the consensus in all of it is gold labels, for an ablation."""

    groups: tuple[ErrorGroup, ...]
    by_annotator: Mapping[str, tuple[ErrorGroup, ...]]
    coalition: tuple[str, ...]
    leanings: Mapping[str, Leaning] = field(default_factory=dict)
    gold: bool = False

    def texts(self) -> list[str]:
        """Return every text of a document that the supervisor may be shown."""
        groups = [*self.groups, *(group for entries in self.by_annotator.values() for group in entries)]
        return [example.context for group in groups for example in group.examples]


def evidence_from_json(value: Mapping[str, Any], types: Sequence[EntityType], gold: bool = False) -> Evidence:
    """Make evidence from a checked disagreements.json.

    Labels are replaced by the types' names and O by "no entity": annotators know no labels.
    """
    rename = renaming({t.label: t.name for t in types})
    return Evidence(
        tuple(_group(entry, rename) for entry in value["groups"]),
        {name: tuple(_group(entry, rename) for entry in entries) for name, entries in value["annotators"].items()},
        tuple(value["coalition"]),
        {name: _leaning(entry, {t.label: t.name for t in types}) for name, entry in value["leanings"].items()},
        gold,
    )


def receipt_of(
    number: int, groups: Iterable[ErrorGroup], responses: Iterable[str], shown: int | None = EXAMPLES_SHOWN
) -> Receipt:
    """Return the receipt of a new line of round `number`: hotspots and documents of the first `shown` examples (None:
    all) of the groups that caused it, and the keys of the supervisor's answers that led to it."""
    examples = [example for group in groups for example in group.examples[:shown]]
    return Receipt(
        round=number,
        status="new",
        hotspots=tuple(dict.fromkeys(example.hotspot for example in examples if example.hotspot)),
        documents=tuple(dict.fromkeys(example.document for example in examples)),
        responses=tuple(dict.fromkeys(responses)),
    )


def _leaning(value: Mapping[str, Any], names: Mapping[str, str]) -> Leaning:
    return Leaning(**{**value, "types": {names.get(label, label): count for label, count in value["types"].items()}})


def _group(value: Mapping[str, Any], rename: Callable[[str], str]) -> ErrorGroup:
    examples = tuple(
        ErrorExample(
            **{
                **entry,
                "consensus": rename(entry["consensus"]),
                "agreeing": tuple(entry["agreeing"]),
                "alternatives": tuple((rename(reading), tuple(names)) for reading, names in entry["alternatives"]),
            }
        )
        for entry in value["examples"]
    )
    return ErrorGroup(value["family"], rename(value["subtype"]), value["tokens"], value["mentions"], examples)
