"""Fixtures that tests share, and the profile of hypothesis."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from projects import Project, copy_project, use_scripted

# No verdict hangs on the clock of a busy machine. People's runs explore; a run that decides whether a change lands
# gives the same verdict twice.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Make copies of the project on scripted models: `make_project("conll2003", "mit_movie")`."""

    def make(*benchmarks: str, name: str = "project") -> Project:
        project = copy_project(tmp_path / name, benchmarks)
        project.edit_params(use_scripted)
        return project

    return make


@pytest.fixture
def diziner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line in a folder that is no project: standard output, or with code=2 the line of error."""
    from diziner.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["diziner", *words])
        if code:
            with pytest.raises(SystemExit) as left:
                main()
            out, err = capsys.readouterr()
            assert (left.value.code, out) == (code, "")
            assert err.startswith("error: ") and err.count("\n") == 1, err
            return err.removeprefix("error: ").strip()
        main()
        return capsys.readouterr().out

    return run
