"""The rooms of this repository, and the real benchmark files where they are at hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from projects import ROOT

from diziner.corpora.card import load_card
from diziner.corpora.check import check_benchmark
from diziner.corpora.counts import type_counts
from diziner.corpora.prepare import prepare
from diziner.corpora.settings import CorpusSettings
from diziner.corpora.sources import load_source

# The benchmarks, not rooms of the user's own.
CARDS = sorted((ROOT / "data").glob("*/benchmark.yaml"))
ROOMS = [path.parent for path in CARDS if load_card(path.parent).paper]
LOCAL = ROOT.parent / "shared" / "benchmarks"


@pytest.fixture(params=ROOMS, ids=lambda room: room.name)
def room(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_samples_load_and_cover_every_type_in_both_splits(room: Path) -> None:
    card = load_card(room)
    corpus = load_source(card, room, "sample", None)
    assert corpus.repairs == 0
    assert set(type_counts(corpus.pilot)) == set(type_counts(corpus.test)) == set(card.types)
    prepared = prepare(corpus, card, CorpusSettings(rounds=2, pilot_size=6))
    removed = prepared.manifest["pool"]
    assert (removed["removed_in_test"], removed["removed_repeated"]) == (0, 0)


def test_real_files_hold_what_the_card_says(room: Path) -> None:
    if not (LOCAL / room.name).is_dir():
        pytest.skip(f"no files of {room.name} below shared/benchmarks")
    card = load_card(room)
    row = check_benchmark(card, room, LOCAL)
    assert row.notes == () and row.state == "ok"
    assert row.checked, "the files are at hand, so the card should give their counts"
    assert row.repairs == 0


def test_nested_spans_flatten_to_the_outermost(tmp_path: Path) -> None:
    nested, room = LOCAL / "genia" / "test_nested.jsonl", ROOMS[0].parent / "genia" if ROOMS else None
    if room not in ROOMS or not nested.is_file():
        pytest.skip("no room or no files of genia")
    (tmp_path / "genia").mkdir()
    shutil.copy(nested, tmp_path / "genia" / "test.jsonl")
    shutil.copy(LOCAL / "genia" / "pilot.jsonl", tmp_path / "genia" / "pilot.jsonl")
    card = load_card(room)
    flat = load_source(card, room, "local", LOCAL).test
    bare = replace(card, sources={"local": replace(card.sources["local"], expected={})})
    corpus = load_source(bare, room, "local", tmp_path)
    assert type_counts(corpus.test) == type_counts(flat)
    assert corpus.repairs == 5474 - 4883
    assert corpus.test == flat
