"""Sources of columnar data: hub datasets, parquet files and saved datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from source_room import NAMES, SPANS, TAGS, TOKENS, Setup


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, with its cache in the test's folder and no network."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return datasets


def split_of(datasets: Any, feature: str, rows: int = 2) -> Any:
    """A dataset with tags as class labels or as strings, and ids that every split repeats."""
    tag = datasets.ClassLabel(names=NAMES) if feature == "class" else datasets.Value("string")
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(tag),
        }
    )
    data = {"id": [str(n) for n in range(rows)], "tokens": [TOKENS] * rows, "ner_tags": [TAGS] * rows}
    return datasets.Dataset.from_dict(data, features=features)


def hub_of(toy: Setup, folder: Path, **extra: object) -> None:
    splits = {"pilot": ["train", "validation"], "test": ["test"]}
    columns = {"tokens": "tokens", "tags": "ner_tags"}
    hub = {"id": str(folder), "revision": "main", "splits": splits, "columns": columns, **extra}
    toy.sources["hub"] = hub


@pytest.mark.parametrize("feature", ["class", "string"])
def test_hub_parquet(toy: Setup, datasets: Any, tmp_path: Path, feature: str) -> None:
    folder = tmp_path / "hub" / "data"
    for name in ("train", "validation", "test"):
        split_of(datasets, feature).to_parquet(str(folder / f"{name}-00000-of-00001.parquet"))
    hub_of(toy, folder.parent, labels=NAMES, expected={"pilot": {"sentences": 4, "types": {"PER": 4, "LOC": 4}}})
    corpus = toy.load("hub")
    assert [each.document.id for each in corpus.pilot] == [
        "toy-train-00000", "toy-train-00001", "toy-validation-00000", "toy-validation-00001",
    ]  # fmt: skip
    assert {each.spans for each in (*corpus.pilot, *corpus.test)} == {SPANS}
    toy.sources["hub"]["splits"]["test"] = ["dev"]
    assert "split dev" in toy.refuses("hub")
    toy.sources["hub"]["splits"]["test"] = ["test"]
    toy.sources["hub"]["columns"]["tags"] = "labels"
    assert "no column 'labels' for tags; there are: id, ner_tags, tokens" in toy.refuses("hub")


def test_hub_labels_must_not_contradict_the_card(toy: Setup, datasets: Any, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    for name in ("train", "validation", "test"):
        split_of(datasets, "class").to_parquet(str(folder / f"{name}.parquet"))
    hub_of(toy, folder, labels=["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
    assert "labels of the card and of split train differ at 1: 'B-LOC' and 'B-PER'" in toy.refuses("hub")


def test_hub_json_files(toy: Setup, datasets: Any, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    row = json.dumps({"tokens": TOKENS, "ner_tags": [1, 2, 0, 3, 0], "lang": "en"})
    other = json.dumps({"tokens": ["Roma"], "ner_tags": [3], "lang": "it"})
    for name in ("train", "test"):
        (folder / f"{name}_en.jsonl").write_text(f"{row}\n", encoding="utf-8")
        (folder / f"{name}_it.jsonl").write_text(f"{other}\n", encoding="utf-8")
    hub_of(toy, folder, labels=NAMES, files={"train": "train_en.jsonl", "test": "test_en.jsonl"})
    toy.sources["hub"]["splits"] = {"pilot": ["train"], "test": ["test"]}
    corpus = toy.load("hub")
    assert [each.spans for each in (*corpus.pilot, *corpus.test)] == [SPANS, SPANS]


def test_hub_scripts_are_refused(toy: Setup, datasets: Any, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "hub.py").write_text("raise SystemExit('ran')\n", encoding="utf-8")
    hub_of(toy, folder)
    assert str(folder) in toy.refuses("hub")


@pytest.mark.parametrize("feature", ["class", "string"])
def test_local_parquet_and_saved_folders(toy: Setup, datasets: Any, feature: str) -> None:
    split_of(datasets, feature).to_parquet(str(toy.files / "pilot.parquet"))
    datasets.DatasetDict(test=split_of(datasets, feature, 1)).save_to_disk(str(toy.files / "saved"))
    toy.sources["local"].update(pilot="pilot.parquet", test="saved/test")
    corpus = toy.load()
    assert [each.document.id for each in corpus.pilot] == ["toy-pilot-00000", "toy-pilot-00001"]
    assert {each.spans for each in (*corpus.pilot, *corpus.test)} == {SPANS}
    toy.sources["local"]["test"] = "saved"
    assert "holds several splits (test)" in toy.refuses()


def test_broken_columnar_files(toy: Setup, datasets: Any) -> None:
    toy.text("test.parquet", "not parquet")
    assert "test.parquet: not a parquet file" in toy.refuses()
    (toy.files / "folder").mkdir()
    toy.sources["local"]["test"] = "folder"
    assert "folder: not a folder of Dataset.save_to_disk" in toy.refuses()
