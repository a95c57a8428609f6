"""The paper's profile with its real model names, on hub-shaped folders, from `use paper` to its table; small."""

from __future__ import annotations

import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from perf import paper_run
from projects import ROOT

from diziner.layout import weights_path

pytestmark = pytest.mark.slow

MINILM = yaml.safe_load((ROOT / "diziner/profiles/paper.yaml").read_text())["weights"]["minilm"]["files"]


ROOMS = ("--names", "crossner_ai", "mit_movie")


def run(*words: str) -> dict[str, Any]:
    if not all(weights_path(name, sha256).is_file() for name, sha256 in MINILM.items()):
        pytest.skip("the embedder's weights are not on this machine: diziner weights fetch minilm")
    folder = Path(tempfile.mkdtemp(prefix="paper-run-"))
    try:
        return paper_run.go(paper_run.options([*ROOMS, *words]), folder)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("faulty", [False, True], ids=["sound", "faulty"])
def test_two_rooms_go_from_the_profile_to_the_table(faulty: bool) -> None:
    """One room from a hub-shaped folder, one from local files; `tests/perf/paper_run.py` runs all 18."""
    words = ["--rounds", "3", "--pilot", "20", "--pool", "70", "--test", "40", "--no-plan"]
    found = run(*words, *(["--faulty"] if faulty else []))
    assert found["benchmarks"] == ["crossner_ai", "mit_movie"]
    annotators, rounds, rooms = 7 if faulty else 8, 3, 2
    assert found["calls"] >= rooms * (annotators * rounds * 20 + 40)
    assert found["usd"] > 0 and found["unpriced"] == 0
    assert ("phi4 is left out as its model is gone" in found["said"]) == faulty
    assert (found["repairs"] > 0) == faulty and found["failed"] <= 6
    assert "unchanged" in found["once_more"] and " ran" not in found["once_more"]
    assert "hub" in found["table"] and "14 of 18" in found["table"]


def test_batches_give_the_same_outputs_for_half_of_what_annotators_cost_and_as_planned() -> None:
    """By calls and through /batches to the same address; without refinement, so that only annotators are paid."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ("--rounds", "1", "--pilot", "20", "--pool", "40", "--test", "20", "--port", str(port))
    called, batched = run(*words, "--proxy"), run(*words, "--batches", "--no-plan")
    assert batched["sent"] == 2  # a round, and the predictions
    assert batched["usd"] == pytest.approx(called["usd"] / 2, rel=0.01)  # tiny calls ask whether models are there
    assert called["planned"] == pytest.approx(called["usd"], rel=0.1)
    made, expected = batched["results"], called["results"]
    assert len(expected) > 60 and made.keys() == expected.keys()
    assert [name for name in expected if made[name] != expected[name]] == []
