"""Whether data is at hand: told from caches and folders, and by one question to a hub, here on loopback."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import listening

from diziner.corpora import at_hand
from diziner.corpora.card import Card, Licence, SourceEntry

WHOLE = SourceEntry({"id": "Some-Org/MyNER2Set", "revision": "v1"})
FILES = SourceEntry({"id": "Some-Org/MyNER2Set", "revision": "v1", "files": {"test": "test.parquet"}})
LOCAL = SourceEntry({"pilot": "a.jsonl", "test": "b.jsonl"}, how="ask Ann")
CARD = Card("toy", "Toy", "tests", ("PER",), Licence("CC0", True), sources={"local": LOCAL, "hub": WHOLE})


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_ENDPOINT", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(at_hand.OFFLINE, "1")
    at_hand.hub_answers.cache_clear()


def missing(card: Card, source: str, local_dir: Path | None = None) -> str | None:
    return at_hand.missing(card, source, local_dir)


def test_files_of_ones_own_are_looked_for_by_split(tmp_path: Path) -> None:
    assert missing(CARD, "local") == ("toy: source 'local' needs the folder of your files (corpus.local_dir); ask Ann")
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/a.jsonl").touch()
    assert missing(CARD, "local", tmp_path) == f"{tmp_path / 'toy/b.jsonl'}: no such file; ask Ann"
    assert at_hand.missing_files("toy", LOCAL, tmp_path, ["pilot"]) is None
    (tmp_path / "toy/b.jsonl").touch()
    assert missing(CARD, "local", tmp_path) is None


def test_a_source_that_a_card_does_not_have_names_those_it_has_and_files_in_place_of_a_hub() -> None:
    assert missing(CARD, "sample") == "toy: no source 'sample'; the card has: local, hub"
    without = replace(CARD, sources={"local": LOCAL})
    assert missing(without, "hub") == "toy: no source 'hub'; the card has: local; ask Ann"
    assert missing(replace(CARD, sources={"sample": LOCAL}), "hub") == "toy: no source 'hub'; the card has: sample"


@pytest.mark.parametrize(
    ("entry", "folder"),
    [
        (WHOLE, "home/datasets/Some-Org___my_ner2_set/default/0.0.0/abc"),
        (FILES, "home/hub/datasets--Some-Org--MyNER2Set/snapshots/abc"),
    ],
)
def test_a_copy_in_the_cache_is_enough_and_nothing_else_is(entry: SourceEntry, folder: str, tmp_path: Path) -> None:
    card = replace(CARD, sources={"hub": entry})
    said = "toy: https://huggingface.co cannot be reached, and no copy of Some-Org/MyNER2Set is in the cache; "
    assert (missing(card, "hub") or "").startswith(said)
    place = tmp_path / folder
    place.parent.mkdir(parents=True)
    place.touch()
    assert missing(card, "hub") is not None, "a file is no copy"
    place.unlink()
    place.mkdir()
    assert missing(card, "hub") is None
    other = replace(card, sources={"hub": FILES if entry is WHOLE else WHOLE})
    assert missing(other, "hub") is not None
    assert missing(replace(card, sources={"sample": entry}), "sample") is None


def test_caches_are_where_the_libraries_keep_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = replace(CARD, sources={"hub": FILES})
    below = "datasets--Some-Org--MyNER2Set/snapshots/abc"
    (tmp_path / "elsewhere" / below).mkdir(parents=True)
    (tmp_path / "cache/huggingface/hub" / below).mkdir(parents=True)
    assert missing(card, "hub") is not None
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert missing(card, "hub") is None
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert missing(card, "hub") is None
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert missing(card, "hub") is not None
    (tmp_path / "cache").rename(tmp_path / ".cache")
    assert missing(card, "hub") is None


def test_a_folder_is_its_own_copy(tmp_path: Path) -> None:
    assert missing(replace(CARD, sources={"hub": replace(WHOLE, options={"id": str(tmp_path)})}), "hub") is None


def test_a_hub_that_refuses_is_there_and_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(at_hand.OFFLINE, "0")
    with listening((200, {}, {})) as (url, _):
        monkeypatch.setenv("HF_ENDPOINT", f"{url}/")
        assert at_hand.endpoint() == url
        assert missing(CARD, "hub") is None, "it has no HEAD, and says so"
        assert os.environ[at_hand.OFFLINE] == "0"
    assert missing(CARD, "hub") is None, "the answer is kept"


def test_a_hub_that_is_not_there_is_not_asked_again_by_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(at_hand.OFFLINE, "")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the port of `discard`
    assert "http://127.0.0.1:9 cannot be reached" in (missing(CARD, "hub") or "")
    assert os.environ[at_hand.OFFLINE] == "1"


@pytest.mark.parametrize("said", ["1", "on", "Yes", "TRUE"])
def test_whoever_works_offline_has_answered(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening((200, {}, {})) as (url, _):
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setenv(at_hand.OFFLINE, said)
        assert missing(CARD, "hub") is not None
