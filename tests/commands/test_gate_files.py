"""`diziner gate --set-up`: what asks the gate for each pull request or commit is written, or one line says why not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Diziner = Callable[..., str]


@pytest.fixture
def project(diziner: Diziner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project below the root of its repository."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    diziner("init", "my ner", "--own")
    monkeypatch.chdir(tmp_path / "my ner")
    return tmp_path


def test_a_workflow_and_a_hook_are_written_at_the_root_and_run_in_the_project(diziner: Diziner, project: Path) -> None:
    source = "git+https://host.example/diziner@0123abc; echo '"
    for _ in range(2):  # again: nothing changes
        assert "diziner-gate.yml: written; commit it" in diziner("gate", "--set-up", "github", "--from", source)
    workflow: Any = yaml.safe_load((project / ".github/workflows/diziner-gate.yml").read_text())
    *_, install, gate = workflow["jobs"]["gate"]["steps"]
    words = subprocess.run(
        ["bash", "-c", install["run"].replace("python -m pip", "printf '%s\\n'")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert words == ["install", "--quiet", source] and gate["working-directory"] == "my ner"

    diziner("gate", "--set-up", "pre-commit", "--from", "diziner.whl")
    (project / "my ner/diziner.whl").touch()
    [hook] = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert hook["additional_dependencies"] == ["diziner.whl"]
    where = subprocess.run(
        ["sh", "-c", hook["entry"].replace("diziner gate", "pwd")],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where == f"{project}/my ner\n"


def test_what_is_there_stays(diziner: Diziner, project: Path, command: Callable[..., tuple[int, str]]) -> None:
    own = project / ".pre-commit-config.yaml"
    own.write_text("repos: []\n")
    code, said = command("gate", "--set-up", "pre-commit", "--from", "diziner==1")
    assert (
        code == 2 and "id: diziner-gate" in said and said.splitlines()[-1].startswith(f"error: {own}: is there already")
    )
    assert own.read_text() == "repos: []\n"


def test_one_line_says_what_is_lacking(diziner: Diziner, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("--set-up", "github"), ("--from", "x")):
        assert "--set-up and --from go together" in diziner("gate", *words, code=2)
    assert "nothing is committed in this repository" in diziner("gate", code=2)
    monkeypatch.setenv("GIT_DIR", str(project / "none"))
    assert "in no git repository" in diziner("gate", "--set-up", "github", "--from", "x", code=2)
