"""Sentence vectors to the last bit, whatever kernel, processor features and threads they are computed with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT
from tiny_encoder import SENTENCES, features, weights_are_here

from diziner.embedding.sentences import sentence_vectors
from diziner.layout import weights_folder

# What every machine must give: of `tiny_encoder`, and of all-MiniLM-L6-v2 for its sentences.
TINY = [
    "cc4ecfeef8f448118eb3a86bbaaee99f1a8c8fb955866073a8d720821aa9e6ec",
    "8ce37c6e8720b210c21bfd0c8ad06abff111af51073b9cee023d46ae14dc7847",
]
REAL = [
    "6d90ff51d1b7f4ab2c94d945c83d989de091a08a511bc4892346b66a7f5bd3ec",
    "96ba20ad322f368a0b38d98afb3f6251d612506b2650e7636241ee9daf033e03",
]

# OpenBLAS kernels, with the feature of the processor that each needs (as NumPy calls it; None: all x86-64 have it).
KERNELS = {
    "Prescott": None,
    "Nehalem": None,
    "Sandybridge": "X86_V3",
    "Haswell": "X86_V3",
    "Zen": "X86_V3",
    "SkylakeX": "X86_V4",
}


def ways() -> dict[str, dict[str, str]]:
    """Settings of a process, by name, that this machine can run."""
    here = set(features())
    kernels = [name for name, needed in KERNELS.items() if needed is None or needed in here]
    return {
        "one thread": {"OPENBLAS_NUM_THREADS": "1"},
        "two threads": {"OPENBLAS_NUM_THREADS": "2"},
        **{f"without {name}": {"NPY_DISABLE_CPU_FEATURES": name} for name in sorted(here)},
        **({f"kernel {name}": {"OPENBLAS_CORETYPE": name} for name in kernels} if "X86_V3" in here else {}),
    }


def vectors_in(way: dict[str, str], cache: Path) -> dict[str, Any]:
    """What a process of its own gives under these settings, with the weights at hand and no vectors kept."""
    cache.mkdir()
    (cache / "weights").symlink_to(weights_folder())
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "NPY_"))}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/tiny_encoder.py")],
        env={**plain, "PYTHONPATH": str(ROOT), "DIZINER_CACHE": str(cache), **way},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ways())
def test_the_same_bits_under_every_kernel_feature_and_number_of_threads(name: str, tmp_path: Path) -> None:
    way = ways()[name]
    found = vectors_in(way, tmp_path / "cache")
    assert found["tiny"] == TINY
    assert found["real"] == (REAL if weights_are_here() else None)
    assert way.get("NPY_DISABLE_CPU_FEATURES") not in found["features"]


def test_the_settings_would_change_other_arithmetic(tmp_path: Path) -> None:
    """Else the test above would show nothing: under the oldest and the newest kernel a plain product differs."""
    kernels = [name for name in ways() if name.startswith("kernel ")]
    ran = [vectors_in(ways()[name], tmp_path / name) for name in kernels[:: len(kernels) - 1 or 1]]
    if len(ran) < 2 or ran[0]["kernels"] == ran[1]["kernels"]:
        pytest.skip("NumPy's BLAS has one kernel here")
    assert ran[0]["plain"] != ran[1]["plain"]


@pytest.mark.skipif(not weights_are_here(), reason="the weights of minilm are not on this machine")
def test_real_vectors_say_what_is_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").symlink_to(weights_folder())
    monkeypatch.setenv("DIZINER_CACHE", str(tmp_path))
    treaty, viola, aspirin, thai, *_ = sentence_vectors(SENTENCES)
    drug, other = sentence_vectors(["a drug against blood clots", "restaurants nearby"])
    assert drug @ aspirin > max(drug @ each for each in (treaty, viola, thai))
    assert other @ thai > max(other @ each for each in (treaty, viola, aspirin))
