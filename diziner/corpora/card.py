"""The card of a benchmark: `data/<name>/benchmark.yaml` as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
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
    """What a split holds: sentences, and mentions by label (empty: unknown)."""

    sentences: int
    types: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a source's rows become documents and gold.

    `columns` maps id, tokens, tags, text, spans to the source's own column (empty: the usual names).
    `labels` names integer tags. `label_map` maps the source's labels to the card's; None leaves a label out.
    """

    columns: Mapping[str, str | int] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_map: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """A corpus in the room itself: bracket notation with a section a split, or JSON Lines with a key `split`."""

    file: str


@dataclass(frozen=True, slots=True)
class Local:
    """The user's files: `files` maps pilot and test to a path below `<local_dir>/<name>/`."""

    files: Mapping[str, str]
    how: str
    layout: Layout = Layout()
    expected: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hub:
    """A dataset of a hub, at a pinned revision. `splits` maps pilot and test to the hub's own splits."""

    id: str
    revision: str
    splits: Mapping[str, tuple[str, ...]]
    config: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    layout: Layout = Layout()
    expected: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """One benchmark: what it is, its labels, and where it can be loaded from (None: not from there)."""

    name: str
    title: str
    domain: str
    types: tuple[str, ...]
    licence: Licence
    paper: str | None = None
    sample: Sample | None = None
    local: Local | None = None
    hub: Hub | None = None

    @property
    def sample_is_stand_in(self) -> bool:
        """Whether the room's sample is text of ours in place of the benchmark's, which is elsewhere."""
        return bool(self.local or self.hub)


def load_card(room: Path) -> Card:
    """Read and check a room's card.

    Raises:
        UserError: the file is missing or breaks its schema (unknown keys included), its `name` is not the
            folder's, or a label in a label map or in expected counts is not one of `types`.
    """
    path = room / CARD_FILE
    value = read_yaml(path, "benchmark")
    card = _card(value)
    if card.name != room.absolute().name:
        raise UserError(f"{path}: name: {card.name!r}; it must be the folder's name {room.absolute().name!r}")
    for source, layout, expected in _parts(card):
        targets = [label for label in layout.label_map.values() if label is not None]
        counted = [label for counts in expected.values() for label in counts.types]
        for key, labels in (("label_map", targets), ("expected", counted)):
            for label in labels:
                if label not in card.types:
                    allowed = ", ".join(card.types)
                    raise UserError(f"{path}: sources.{source}.{key}: {label!r} is not one of types: {allowed}")
    return card


def _parts(card: Card) -> list[tuple[str, Layout, Mapping[str, Counts]]]:
    named = (("local", card.local), ("hub", card.hub))
    return [(name, source.layout, source.expected) for name, source in named if source]


def _card(value: Mapping[str, Any]) -> Card:
    sources = value["sources"]
    sample, local, hub = sources.get("sample"), sources.get("local"), sources.get("hub")
    return Card(
        name=value["name"],
        title=value["title"],
        domain=value["domain"],
        types=tuple(value["types"]),
        licence=Licence(**value["licence"]),
        paper=value.get("paper"),
        sample=Sample(sample["file"]) if sample else None,
        local=_local(local) if local else None,
        hub=_hub(hub) if hub else None,
    )


def _local(value: Mapping[str, Any]) -> Local:
    files = {split: value[split] for split in SPLITS}
    return Local(files, value["how"], _layout(value), _expected(value))


def _hub(value: Mapping[str, Any]) -> Hub:
    return Hub(
        id=value["id"],
        revision=value["revision"],
        splits={split: tuple(value["splits"][split]) for split in SPLITS},
        config=value.get("config"),
        files=value.get("files", {}),
        layout=_layout(value),
        expected=_expected(value),
    )


def _layout(value: Mapping[str, Any]) -> Layout:
    return Layout(value.get("columns", {}), tuple(value.get("labels", ())), value.get("label_map", {}))


def _expected(value: Mapping[str, Any]) -> dict[str, Counts]:
    counts = value.get("expected", {})
    return {split: Counts(each["sentences"], each.get("types", {})) for split, each in counts.items()}
