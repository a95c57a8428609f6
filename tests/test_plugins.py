"""Plug-ins: real distributions in a folder on the path, used through the real commands and stages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from plugin_place import install
from projects import ROOT

GOLD = "Ada B-PER\nLovelace I-PER\nsaw O\nLisbon B-LOC\n"
MINE = "Ada O\nLovelace B-PER\nsaw O\nLisbon B-LOC\n"


def run(folder: Path, environment: Mapping[str, str], *words: str, code: int = 0) -> str:
    """Run a command in a folder: standard output, or with a code the line of error."""
    path = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "diziner", *words],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.stderr if code else done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "gold.conll").write_text(GOLD)
    (folder / "mine.conll").write_text(MINE)
    return folder


SCORE = ("score", "--gold", "gold.conll", "--pred", "mine.conll", "--protocol")


def test_a_protocol_of_a_plug_in_scores(place: Path, tmp_path: Path) -> None:
    environment = install(tmp_path / "packages")
    [found] = json.loads(run(place, environment, *SCORE, "head,strict"))["predictions"]
    assert (found["protocols"]["strict"]["correct"], found["protocols"]["head"]["correct"]) == (1, 2)
    assert found["protocols"]["head"]["name"] == "head F1 (type and last token)"
    assert found["protocols"]["head"]["interval"] == {"low": 1.0, "high": 1.0}
    assert "head" not in json.loads(run(place, environment, *SCORE, "all"))["predictions"][0]["protocols"]


def test_an_unknown_name_lists_what_there_is_and_imports_nothing(place: Path, tmp_path: Path) -> None:
    broken = {"broken.py": "raise OSError('no\\nlicence')\n"}
    points = {"diziner.protocols": {"mine": "broken:MINE"}}
    environment = install(tmp_path / "packages", "broken-extras", "2.0", broken, points)
    error = run(place, environment, *SCORE, "hed", code=2)
    assert "--protocol: unknown scoring protocol 'hed'; there are all, strict," in error
    assert error.endswith("reference; from plug-ins: mine (broken-extras 2.0)\n")
    error = run(place, environment, *SCORE, "mine", code=2)
    assert "'mine' of plug-in broken-extras 2.0: broken:MINE cannot be imported: OSError: no licence" in error
    run(place, environment, *SCORE, "strict")


def test_what_is_no_protocol_is_refused_and_so_is_a_name_of_two(place: Path, tmp_path: Path) -> None:
    files, points = {"one.py": "MINE = 3\n"}, {"diziner.protocols": {"mine": "one:MINE"}}
    install(tmp_path / "packages", "one-extras", "1.0", files, points)
    environment = {"PYTHONPATH": str(tmp_path / "packages")}
    error = run(place, environment, *SCORE, "mine", code=2)
    assert "one:MINE is a int; it must be a diziner.scoring.protocols.Protocol" in error
    install(tmp_path / "packages", "two-extras", "1.0", files, points)
    error = run(place, environment, *SCORE, "mine", code=2)
    assert "'mine' is in plug-ins one-extras 1.0 and two-extras 1.0; uninstall one" in error
