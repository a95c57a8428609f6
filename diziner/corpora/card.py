"""The card of a benchmark: `data/<name>/benchmark.yaml` as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import schema_of
from diziner.common.plugins import SOURCES as PLUG_INS
from diziner.common.plugins import require
from diziner.common.unseen import refuse_unseen
from diziner.common.yamlfile import read_yaml

CARD_FILE = "benchmark.yaml"
SPLITS = ("pilot", "test")


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms of the benchmark's text; `redistribute` is False where it may not be passed on."""

    name: str
    redistribute: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of a split: sentences, and mentions by label (empty: unknown)."""

    sentences: int
    types: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of a source's rows: how they become documents and gold.

    `columns` maps id, tokens, tags, text, spans to the source's own column (empty: the usual names).
    `labels` names integer tags. `label_map` maps the source's labels to the card's; None leaves a label out.
    """

    columns: Mapping[str, str | int] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_map: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """An entry of a card's `sources`: what all sources may have, and `options`, the keys of that source alone.

    `how` says where to get the data. `expected` is by split; several counts are of several copies in use, such as
    the full split and a cut of it.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    how: str = ""
    layout: Layout = Layout()
    expected: Mapping[str, tuple[Counts, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """One benchmark: what it is, its labels, and where it can be loaded from, by the source's name.

    `tokenizer` made the tokens of its own file from texts that had none; empty: they came with it.
    """

    name: str
    title: str
    domain: str
    types: tuple[str, ...]
    licence: Licence
    paper: str | None = None
    sources: Mapping[str, SourceEntry] = field(default_factory=dict)
    tokenizer: str = ""

    @property
    def sample_is_stand_in(self) -> bool:
        """Whether the room's sample is text of ours in place of the benchmark's, which is elsewhere."""
        return bool(self.sources.keys() - {"sample"})


def load_card(room: Path) -> Card:
    """Read and check a room's card.

    Raises:
        UserError: the file is missing or breaks its schema (unknown keys included), its `name` is not the
            folder's, a source is neither built in nor a plug-in's, or a label in a label map or in expected counts
            is not one of `types`.
    """
    path = room / CARD_FILE
    value = read_yaml(path, "benchmark")
    refuse_unseen(value, str(path), but=("note", "how"))  # of several lines, if need be
    card = _card(value)
    if card.name != room.absolute().name:
        raise UserError(f"{path}: name: {card.name!r}; it must be the folder's name {room.absolute().name!r}")
    for source, entry in card.sources.items():
        require(PLUG_INS, source, built_in_sources())
        targets = [label for label in entry.layout.label_map.values() if label is not None]
        counted = [label for copies in entry.expected.values() for counts in copies for label in counts.types]
        for key, labels in (("label_map", targets), ("expected", counted)):
            for label in labels:
                if label not in card.types:
                    allowed = ", ".join(card.types)
                    raise UserError(f"{path}: sources.{source}.{key}: {label!r} is not one of types: {allowed}")
    return card


def built_in_sources() -> list[str]:
    """Return the names of the sources that are built in, as the schema has them from `diziner.corpora.sources`."""
    return list(schema_of("benchmark")["properties"]["sources"]["properties"])


def _card(value: Mapping[str, Any]) -> Card:
    return Card(
        name=value["name"],
        title=value["title"],
        domain=value["domain"],
        types=tuple(value["types"]),
        licence=Licence(**value["licence"]),
        paper=value.get("paper"),
        sources={name: _source(entry) for name, entry in value["sources"].items()},
        tokenizer=value.get("tokenizer", ""),
    )


def _source(value: Mapping[str, Any]) -> SourceEntry:
    common = ("how", "columns", "labels", "label_map", "expected")
    options = {key: item for key, item in value.items() if key not in common}
    return SourceEntry(options, value.get("how", ""), _layout(value), _expected(value))


def _layout(value: Mapping[str, Any]) -> Layout:
    return Layout(value.get("columns", {}), tuple(value.get("labels", ())), value.get("label_map", {}))


def _expected(value: Mapping[str, Any]) -> dict[str, tuple[Counts, ...]]:
    return {
        split: tuple(
            Counts(each["sentences"], each.get("types", {})) for each in (own if isinstance(own, list) else [own])
        )
        for split, own in value.get("expected", {}).items()
    }
