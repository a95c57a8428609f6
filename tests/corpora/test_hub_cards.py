"""The hub cards of this repository, each on a local folder that is laid out as its branch on the hub is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT

from diziner.common.errors import UserError
from diziner.corpora.card import Card, Counts, load_card
from diziner.corpora.counts import type_counts
from diziner.corpora.sources import load_source

CARDS = [load_card(path.parent) for path in sorted((ROOT / "data").glob("*/benchmark.yaml"))]
HUB = [card for card in CARDS if "hub" in card.sources and card.paper]
README = "---\nconfigs:\n- config_name: default\n  data_files:\n{splits}---\nA card.\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


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


def each(cards: list[Card]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("card", cards, ids=lambda card: card.name)


def test_sixteen_cards_have_a_hub_with_a_revision_and_counts() -> None:
    assert len(HUB) == 16
    for card in HUB:
        hub = card.sources["hub"]
        assert hub.expected["test"][0].sentences > 400, card.name
        assert "config" not in hub.options, "what a branch has no README for cannot be named"
        text = (ROOT / "data" / card.name / "benchmark.yaml").read_text()
        [line] = [line for line in text.splitlines() if line.strip().startswith("revision: ")]
        pinned = len(hub.options["revision"]) == 40
        assert ("# not pinned" in line) != pinned, f"{card.name}: a revision is a commit, or says that it is none"


@each(HUB)
def test_a_branch_loads_whole_and_alone(card: Card, tmp_path: Path) -> None:
    branch = Branch(card, tmp_path / "hub")
    corpus = branch.load(card)
    assert set(type_counts(corpus.test)) == set(type_counts(corpus.pilot)) == set(card.types)
    assert not [each.document.text for each in (*corpus.pilot, *corpus.test) if "other" in each.document.text]
    assert corpus.repairs == 0


@each(HUB)
def test_half_a_branch_is_refused_by_its_counts(card: Card, tmp_path: Path) -> None:
    wanted = card.sources["hub"].expected["test"][0].sentences
    refusal = Branch(card, tmp_path / "hub").refuses(card, counted=False)
    assert f"test sentences: found {len(card.types)}, expected {wanted}" in refusal


def damages(branch: Branch) -> Iterator[tuple[str, Path]]:
    """Leave the test file away, cut it in half, rename its folder: what happened, and what to put back."""
    test = branch.files["test"]
    kept = branch.folder.with_name("kept")
    shutil.copytree(branch.folder, kept)
    for what in ("missing", "half", "renamed"):
        shutil.rmtree(branch.folder)
        shutil.copytree(kept, branch.folder)
        if what == "missing":
            test.unlink()
        elif what == "half":
            test.write_bytes(test.read_bytes()[: test.stat().st_size // 2])
        else:
            top = branch.folder / test.relative_to(branch.folder).parts[0]
            top.rename(top.with_name("renamed"))
        yield what, test


# One of each layout: a configuration's folder, a folder with a README, files of a language.
@each([card for card in HUB if card.name in {"crossner_ai", "genia", "multinerd", "conll2003"}])
def test_a_branch_that_is_damaged_is_refused_with_what_to_do(card: Card, tmp_path: Path) -> None:
    branch = Branch(card, tmp_path / "hub")
    for what, _ in damages(branch):
        refusal = branch.refuses(card)
        assert str(branch.folder) in refusal, what
        assert "split test" in refusal or "split train" in refusal, what
