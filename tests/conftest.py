"""Fixtures that tests share, and the profile of hypothesis."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from projects import Project, copy_project, copy_tree, use_scripted

# No verdict hangs on the clock of a busy machine. People's runs explore; a run that decides whether a change lands
# gives the same verdict twice.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A run that is started in the background without job control has SIGINT ignored, and so would all that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests as pytest rewrites them are kept for the next run, whatever the environment says: making them takes each worker
# seconds. What tests start keeps no bytecode: an edit of the same second and length would go unseen.
sys.dont_write_bytecode = False
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

# Nor is any screen as wide as the one that tests are started from: xdist says 80 columns to its workers.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


# What takes longest, longest first: begun first, no worker is idle while the last of them ends.
LONG = (
    "test_readme.py",
    "ablation/test_ablate.py",
    "pipeline/test_pipeline.py",
    "pipeline/test_experiments.py",
    "test_installed.py",
    "repro/test_run.py",
    "repro/test_batches.py",
    "test_additions.py",
    "test_plugins.py",
    "pipeline/test_sharing.py",
    "repro/test_forks.py",
    "prompting/test_reading.py",
    "pipeline/test_code.py",
    "doctor/test_doctor.py",
    "report/test_browser.py",
    "report/test_hostile.py",
    "pipeline/test_corpus_stage.py",
    "supervisor/test_refinement_settings.py",
    "labelling/test_label.py",
    "repro/test_server.py",
    "corpora/test_new.py",
    "supervisor/test_refinement_loop.py",
    "repro/test_contract.py",
    "doctor/test_answers.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Make copies of the project on scripted models: `make_project("conll2003", "mit_movie")`."""

    def make(*benchmarks: str, name: str = "project") -> Project:
        project = copy_project(tmp_path / name, benchmarks)
        project.edit_params(use_scripted)
        return project

    return make


@pytest.fixture(scope="session")
def copy_reproduced(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Copy a project on scripted models that `diziner repro` has run, from nothing, once for all workers:
    `copy_reproduced(folder, "conll2003")`."""
    folders = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folders = folders.parent

    def copy(folder: Path, *benchmarks: str) -> Project:
        made = folders / f"reproduced-{'-'.join(benchmarks)}"
        with Path(f"{made}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (made / "reproduced").exists():
                shutil.rmtree(made, ignore_errors=True)
                project = copy_project(made, benchmarks)
                project.edit_params(use_scripted)
                project.diziner("repro", "-j", "1")
                (made / "reproduced").touch()
        project = copy_tree(made, folder)
        (folder / "reproduced").unlink()
        return project

    return copy


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the command line in the current folder: its exit code and everything it wrote."""
    from diziner.cli import main

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["diziner", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(str(stop.code))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


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
