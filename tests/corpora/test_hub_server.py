"""Hub cards over HTTP: the real clients against a hub on this machine, then without it, from their cache."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_branches import HUB, Branch
from hub_server import HubServer
from projects import ROOT

SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from diziner.common.errors import UserError
from diziner.corpora.card import load_card
from diziner.corpora.sources import load_source
for name in sys.argv[1:]:
    room = Path("data") / name
    card = load_card(room)
    card = replace(card, sources={"hub": replace(card.sources["hub"], expected={})})
    try:
        corpus = load_source(card, room, "hub", None)
    except UserError as error:
        print(name, "refused:", error)
    else:
        types = {span.type for each in corpus.test for span in each.spans}
        print(name, len(corpus.pilot), len(corpus.test), types == set(card.types), "other" in str(corpus))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A hub with the branches of all cards but one; those of one data set are in one folder."""
    import datasets

    datasets.disable_progress_bars()
    folder = tmp_path_factory.mktemp("hub")
    branches: dict[tuple[str, str], Path] = {}
    for card in HUB:
        if card.name != "bc2gm":
            options = card.sources["hub"].options
            place = branches.setdefault((options["id"], options["revision"]), folder / card.name)
            Branch(card, place)
    served = HubServer(branches)
    yield served
    served.close()


def load(names: list[str], **environment: Any) -> list[str]:
    words = [sys.executable, "-c", SCRIPT, *names]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")  # the libraries have no word of their own
    return done.stdout.splitlines()


def test_all_cards_load_from_a_hub_and_then_from_the_cache(hub: HubServer, tmp_path: Path) -> None:
    cache = {"HF_HOME": str(tmp_path / "home"), "HF_DATASETS_CACHE": str(tmp_path / "cache"), "NO_PROXY": "*"}
    names = [card.name for card in HUB]
    said = load(names, HF_ENDPOINT=hub.address, **cache)
    whole = {
        card.name: f"{card.name} {len(card.types) * len(card.sources['hub'].options['splits']['pilot'])} "
        f"{len(card.types)} True False"
        for card in HUB
    }
    lines = {line.partition(" ")[0]: line for line in said}
    assert [line for line in said if not line.startswith("bc2gm")] == [whole[name] for name in names if name != "bc2gm"]
    assert "Dataset 'extraordinarylab/bc2gm' doesn't exist on the Hub or cannot be accessed" in lines["bc2gm"]
    assert hub.calls["/"] == 1  # whether it is there
    hub.calls.clear()
    again = load(names, HF_ENDPOINT="http://127.0.0.1:9", **cache)
    assert [line for line in again if not line.startswith("bc2gm")] == [line for line in said if line[:5] != "bc2gm"]
    assert "http://127.0.0.1:9 cannot be reached, and no copy of extraordinarylab/bc2gm is in the cache" in again[1]
    assert not hub.calls
