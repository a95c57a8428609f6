"""The card of a benchmark: what it must have, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from diziner.common.errors import UserError
from diziner.corpora.card import Counts, load_card

CARD: dict[str, Any] = {
    "name": "birds",
    "title": "Birds",
    "paper": "BIRD",
    "domain": "ornithology",
    "types": ["BIRD", "PLACE"],
    "licence": {"name": "CC0", "redistribute": True, "note": "ours"},
    "sources": {
        "sample": {"file": "sample.txt"},
        "local": {
            "pilot": "pilot.jsonl",
            "test": "test.jsonl",
            "how": "write them yourself",
            "expected": {"test": {"sentences": 2, "types": {"BIRD": 1}}},
        },
        "hub": {
            "id": "someone/birds",
            "config": "en",
            "revision": "abc123",
            "splits": {"pilot": ["train", "validation"], "test": ["test"]},
            "columns": {"tokens": "words", "tags": "labels"},
            "labels": ["O", "B-Bird", "I-Bird"],
            "label_map": {"Bird": "BIRD", "Nest": None},
        },
    },
}


def room_with(tmp_path: Path, card: object, name: str = "birds") -> Path:
    room = tmp_path / name
    room.mkdir()
    (room / "benchmark.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    return room


def changed(path: str, value: object) -> dict[str, Any]:
    """CARD with one key, given by its dotted path, set to `value`."""
    card: dict[str, Any] = yaml.safe_load(yaml.safe_dump(CARD))
    place = card
    *parents, last = path.split(".")
    for key in parents:
        place = place[key]
    place[last] = value
    return card


def test_a_full_card_is_read(tmp_path: Path) -> None:
    card = load_card(room_with(tmp_path, CARD))
    assert card.types == ("BIRD", "PLACE")
    assert card.licence.redistribute
    assert set(card.sources) == {"sample", "local", "hub"}
    local, hub = card.sources["local"], card.sources["hub"]
    assert local.options == {"pilot": "pilot.jsonl", "test": "test.jsonl"}
    assert local.expected["test"] == (Counts(2, {"BIRD": 1}),)
    assert hub.options["splits"] == {"pilot": ["train", "validation"], "test": ["test"]}
    assert hub.layout.labels == ("O", "B-Bird", "I-Bird")
    assert hub.layout.label_map == {"Bird": "BIRD", "Nest": None}


def test_sources_and_paper_may_be_absent(tmp_path: Path) -> None:
    own = changed("sources", {"sample": {"file": "sample.txt"}})
    del own["paper"]
    card = load_card(room_with(tmp_path, own))
    assert card.paper is None and set(card.sources) == {"sample"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("colour", "blue", "colour"),
        ("sources.hub.trust_remote_code", True, "trust_remote_code"),
        ("types", [], "types"),
        ("types", ["BIRD", False], "types"),
        ("types", ["BIRD", "BIRD"], "non-unique"),
        ("licence", {"name": "CC0"}, "redistribute"),
        ("sources.hub.splits", {"pilot": ["train"]}, "test"),
        ("sources.local.how", "", "how"),
        ("name", "Birds of Prey", "name"),
        ("name", "fish", "must be the folder's name 'birds'"),
        ("sources.hub.label_map", {"Bird": "FISH"}, "sources.hub.label_map: 'FISH' is not one of types"),
        ("sources.local.expected.test.types", {"EGG": 3}, "sources.local.expected: 'EGG'"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, path: str, value: object, message: str) -> None:
    room = room_with(tmp_path, changed(path, value))
    with pytest.raises(UserError) as error:
        load_card(room)
    assert message in str(error.value)
    assert "benchmark.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hub_source_needs_a_pinned_revision(tmp_path: Path) -> None:
    card = changed("title", "Birds")
    del card["sources"]["hub"]["revision"]
    with pytest.raises(UserError, match="revision"):
        load_card(room_with(tmp_path, card))


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"benchmark\.yaml: no such file"):
        load_card(tmp_path)
