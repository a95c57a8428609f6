"""Local folders that are laid out as the branches of the hub are that cards of this repository name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT

from diziner.common.errors import UserError
from diziner.corpora.card import Card, Counts, load_card
from diziner.corpora.sources import load_source

CARDS = [load_card(path.parent) for path in sorted((ROOT / "data").glob("*/benchmark.yaml"))]
HUB = [card for card in CARDS if "hub" in card.sources and card.paper]
README = "---\nconfigs:\n- config_name: default\n  data_files:\n{splits}---\nA card.\n"


class Branch:
    """A folder as the branch of a card's data set is: parquet or JSON Lines, with files of other corpora beside."""

    def __init__(self, card: Card, folder: Path) -> None:
        self.folder = folder
        self.options = card.sources["hub"].options
        self.layout = card.sources["hub"].layout
        inverse = {ours: theirs for theirs, ours in self.layout.label_map.items()}
        self.types = [inverse.get(label, label) for label in card.types]
        splits = {name for names in self.options["splits"].values() for name in names}
        self.files = {
            split: folder / self.options.get("files", {}).get(split, f"data/{split}-*").replace("/*.", "/0000.")
            for split in sorted(splits)
        }
        for split, path in self.files.items():
            if path.name.endswith("-*") or path.name.endswith("-*.parquet"):
                self.files[split] = path.with_name(f"{split}-00000-of-00001.parquet")
            self.write(self.files[split], [self.row(split, n) for n in range(len(self.types))])
        self.write_others()
        if "files" not in self.options:
            lines = "".join(f"  - split: {split}\n    path: data/{split}-*\n" for split in self.files)
            (folder / "README.md").write_text(README.format(splits=lines))

    def row(self, split: str, number: int) -> dict[str, Any]:
        label = self.types[number]
        tags: list[Any] = [f"B-{label}", f"I-{label}", "O"]
        if self.layout.labels:
            tags = [self.layout.labels.index(tag) for tag in tags]
        return {"tokens": [f"{split}{number}", "name", "."], "ner_tags": tags}

    def write(self, path: Path, rows: list[dict[str, Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jsonl":
            path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
            return
        import datasets

        tag = datasets.ClassLabel(names=self.layout.labels) if self.layout.labels else datasets.Value("string")
        columns = {"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(tag)}
        datasets.Dataset.from_list(rows, features=datasets.Features(columns)).to_parquet(str(path))

    def write_others(self) -> None:
        """Write what a plain load would mix in: another configuration, another language."""
        if "files" not in self.options:
            return
        for split, path in self.files.items():
            inside = path.relative_to(self.folder)
            if path.suffix == ".jsonl":
                self.write(path.with_name(path.name.replace("_en", "_it")), [self.row("other", 0)])
            elif len(inside.parts) == 3:
                self.write(self.folder / "other" / split / "0000.parquet", [self.row("other", 0)])

    def card_of(self, card: Card, counted: bool) -> Card:
        """The card, with the folder for its address; with `counted`, with the folder's counts for the card's."""
        hub = card.sources["hub"]
        names = hub.options["splits"]
        sizes = {split: (Counts(len(card.types) * len(own)),) for split, own in names.items()}
        options = {**hub.options, "id": str(self.folder)}
        return replace(
            card, sources={"hub": replace(hub, options=options, expected=sizes if counted else hub.expected)}
        )

    def load(self, card: Card, counted: bool = True) -> Any:
        return load_source(self.card_of(card, counted), ROOT / "data" / card.name, "hub", None)

    def refuses(self, card: Card, counted: bool = True) -> str:
        with pytest.raises(UserError) as error:
            self.load(card, counted)
        assert "\n" not in str(error.value)
        return str(error.value)
