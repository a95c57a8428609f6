"""Settings of an experiment: what DVC's grammar says, written so that params.yaml stays people's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT

from diziner.common.errors import UserError
from diziner.repro.experiment import set_params


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return tmp_path / "params.yaml"


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        (["scoring.seed=14"], {"scoring": {"seed": 14}}),
        (["answers.repair_turns=2", "corpus.seed=7"], {"answers": {"repair_turns": 2}, "corpus": {"seed": 7}}),
        (["++corpus.pilot.mode=fixed"], {"corpus": {"pilot": {"mode": "fixed"}}}),
        (["annotator_pool=[qwen_plain]"], {"annotator_pool": ["qwen_plain"]}),
    ],
)
def test_a_setting_is_changed_and_nothing_else(params: Path, overrides: list[str], changed: dict[str, object]) -> None:
    before = params.read_text()
    set_params(overrides, Path("params.yaml"))
    after = params.read_text()
    expected = yaml.safe_load(before)
    for section, own in changed.items():
        if isinstance(own, dict):
            for key, value in own.items():
                expected[section][key] = {**expected[section][key], **value} if isinstance(value, dict) else value
        else:
            expected[section] = own
    assert yaml.safe_load(after) == expected
    lines = before.splitlines(), after.splitlines()
    assert [line for line in lines[0] if "#" in line and line in lines[1]], "comments stay"
    assert len(set(lines[0]) ^ set(lines[1])) <= 2 * len(overrides)


def test_a_setting_that_is_taken_out_is_gone(params: Path) -> None:
    set_params(["~scoring.seed"], params)
    assert "seed" not in yaml.safe_load(params.read_text())["scoring"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["scoring.seed"], "-S scoring.seed: Error parsing override 'scoring.seed'"),
        (["scoring.sed=1"], "+scoring.sed=1; did you mean scoring.seed?"),
        (["nope=1"], "-S nope=1: Could not override 'nope'"),
        (["scoring.seed=1,2"], "several values of one setting: `dvc exp run --queue"),
        (["nowhere.yaml:a=1"], "nowhere.yaml:a=1: "),
        (["scoring.seed=[1"], "-S scoring.seed=[1: "),
        (["=1"], "-S =1: "),
        (["params.txt:a=1"], "-S params.txt:a=1: "),
    ],
)
def test_what_is_no_setting_is_refused_in_a_line_and_changes_nothing(
    params: Path, overrides: list[str], said: str
) -> None:
    before = params.read_bytes()
    with pytest.raises(UserError) as refused:
        set_params(overrides, Path("params.yaml"))
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert params.read_bytes() == before
    assert [path.name for path in params.parent.iterdir()] == ["params.yaml"]


def test_what_dvc_could_not_read_again_is_said_before_anything_changes(params: Path) -> None:
    params.write_text("endpoints:\n  lab: {api_base: 'http://h:8000/v1'}\nseed: 1\n")
    before = params.read_bytes()
    with pytest.raises(UserError, match=r"params.yaml: endpoints.lab.api_base: .*block style"):
        set_params(["seed=2"], Path("params.yaml"))
    assert params.read_bytes() == before


def test_without_a_commit_nothing_runs_that_could_not_be_kept(params: Path, command: Callable[..., Any]) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    for name in ("dvc.yaml", ".diziner", "stages"):
        (params.parent / name).symlink_to(ROOT / name)
    code, said = command("exp", "run", "-S", "scoring.seed=14")
    assert code == 2 and said.startswith("error: nothing is committed in this repository"), said
