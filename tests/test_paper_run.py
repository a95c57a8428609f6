"""The paper's profile with its real model names, on hub-shaped folders, from `use paper` to its table; small."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
import yaml
from perf import paper_run
from projects import ROOT

from diziner.layout import weights_path

pytestmark = pytest.mark.slow

MINILM = yaml.safe_load((ROOT / "diziner/profiles/paper.yaml").read_text())["weights"]["minilm"]["files"]


@pytest.mark.parametrize("faulty", [False, True], ids=["sound", "faulty"])
def test_two_rooms_go_from_the_profile_to_the_table(faulty: bool) -> None:
    """One room from a hub-shaped folder, one from local files; `tests/perf/paper_run.py` runs all 18."""
    if not all(weights_path(name, sha256).is_file() for name, sha256 in MINILM.items()):
        pytest.skip("the embedder's weights are not on this machine: diziner weights fetch minilm")
    words = ["--names", "crossner_ai", "mit_movie", "--rounds", "3", "--pilot", "20", "--pool", "70", "--test", "40"]
    folder = Path(tempfile.mkdtemp(prefix="paper-run-"))
    try:
        found = paper_run.go(paper_run.options([*words, "--no-plan", *(["--faulty"] if faulty else [])]), folder)
    finally:
        shutil.rmtree(folder)
    assert found["benchmarks"] == ["crossner_ai", "mit_movie"]
    annotators, rounds, rooms = 7 if faulty else 8, 3, 2
    assert found["calls"] >= rooms * (annotators * rounds * 20 + 40)
    assert found["usd"] > 0 and found["unpriced"] == 0
    assert ("phi4 is left out as its model is gone" in found["said"]) == faulty
    assert (found["repairs"] > 0) == faulty and found["failed"] <= 6
    assert "unchanged" in found["once_more"] and " ran" not in found["once_more"]
    assert "hub" in found["table"] and "14 of 18" in found["table"]
