"""A room and local files as tests of corpus sources write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from diziner.common.errors import UserError
from diziner.corpora.card import load_card
from diziner.corpora.corpus import Corpus, Labelled
from diziner.corpora.sources import load_source
from diziner.records.annotations import Span

TOKENS = ["Ann", "Lee", "saw", "Rome", "."]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O"]
SPANS = (Span(0, 2, "PER"), Span(3, 4, "LOC"))
GOOD = {"tokens": TOKENS, "ner_tags": TAGS}
NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
SAMPLE = "# ours\n== pilot ==\n[Ann|PER] left .\n\nNo one stayed .\n== test ==\n[Rome|LOC] fell .\n"


class Setup:
    """A room and a folder of local files, written as a test needs them."""

    def __init__(self, folder: Path) -> None:
        self.room = folder / "rooms" / "toy"
        self.local = folder / "local"
        self.files = self.local / "toy"
        self.room.mkdir(parents=True)
        self.files.mkdir(parents=True)
        self.sources: dict[str, Any] = {"local": {"pilot": "pilot.jsonl", "test": "test.jsonl", "how": "ask Ann"}}
        self.rows("pilot.jsonl", GOOD)
        self.rows("test.jsonl", GOOD)

    def rows(self, name: str, *rows: object) -> None:
        (self.files / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    def text(self, name: str, text: str) -> None:
        (self.files / name).write_text(text, encoding="utf-8")
        self.sources["local"]["test"] = name

    def card(self) -> Any:
        card = {
            "name": "toy",
            "title": "Toy",
            "domain": "tests",
            "types": ["PER", "LOC"],
            "licence": {"name": "CC0", "redistribute": True},
            "sources": self.sources,
        }
        (self.room / "benchmark.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
        return load_card(self.room)

    def load(self, source: Any = "local", skip_bad: Path | None = None) -> Corpus:
        return load_source(self.card(), self.room, source, self.local, skip_bad)

    def refuses(self, source: Any = "local") -> str:
        """The one-line message with which loading is refused."""
        with pytest.raises(UserError) as error:
            self.load(source)
        assert "\n" not in str(error.value)
        return str(error.value)

    def first(self, row: Mapping[str, object]) -> Labelled:
        """The document made of one row of a JSON Lines file."""
        self.rows("test.jsonl", row)
        return self.load().test[0]
