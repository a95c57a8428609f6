"""Shared by the doctor's tests: a small project that is in order, and the command run in it."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project, copy_tree

from diziner.common.files import check
from diziner.doctor import project, subject

KEY = "sk-or-v1-0123456789abcdef0123"
PYTHON = str(Path(".venv/bin/python"))


class Clinic(Project):
    """A project, and the doctor's words about it."""

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder)
        self.home = home

    def doctor(
        self,
        *words: str,
        code: int = 0,
        own_process: bool = False,
        before: Callable[[], None] | None = None,
        where: Path | None = None,
        **environment: str | None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command, which must exit with `code` and never by a traceback; None unsets a variable.

        In this process, which takes a third of the time, unless its own is asked for or prepared by `before`.
        """
        chosen = {"HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1", **dict.fromkeys(CLEARED), **environment}
        command, where = ["doctor", *words], where or self.folder
        if own_process or before:
            done = self._in_a_process(command, where, chosen, before)
        else:
            done = self._in_this_process(command, where, chosen)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def _in_a_process(
        self, command: list[str], where: Path, chosen: dict[str, str | None], before: Callable[[], None] | None
    ) -> subprocess.CompletedProcess[str]:
        # -P: with "" in its path Python 3.13.0 cannot load what it needs in a folder that is gone.
        code = f"import sys; sys.path.insert(0, {str(self.folder)!r}); {RUN}"
        words = [str(self.folder / PYTHON), "-P", "-c", code, *command]
        environment = {name: value for name, value in {**os.environ, **chosen}.items() if value is not None}
        return subprocess.run(
            words, cwd=where, env=environment, capture_output=True, text=True, check=False, preexec_fn=before
        )

    def _in_this_process(
        self, command: list[str], where: Path, chosen: dict[str, str | None]
    ) -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as patch:
            for module in (subject, project):  # as if the project's own code ran, which is the same
                patch.setattr(module, "SOURCE", self.folder)
            for name, value in chosen.items():
                patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
            return Project(where).diziner_here(*command, check=False)

    def findings(self, *words: str, **options: Any) -> dict[str, dict[str, Any]]:
        """The findings of `--json` by "section name": checked against the schema, alone on standard output."""
        value = json.loads(self.doctor("--json", *words, **options).stdout)
        check(value, "doctor", "doctor --json")
        found = {f"{finding['section']} {finding['name']}": finding for finding in value["findings"]}
        assert len(found) == len(value["findings"]), "two findings of one name"
        states = [finding["state"] for finding in value["findings"]]
        assert (value["problems"], value["notes"]) == (states.count("problem"), states.count("note"))
        return found

    def problem(self, name: str, **options: Any) -> str:
        """What is found and how to mend it, where that is the only problem and --strict fails for it."""
        found = self.findings("--strict", code=1, **options)
        assert [key for key, finding in found.items() if finding["state"] == "problem"] == [name]
        return f"{found[name]['found']} | {found[name]['mend']}"


RUN = "from diziner.cli import main; main()"
CLEARED = {
    "DIZINER_CACHE",
    "XDG_CACHE_HOME",
    "PYTHONPATH",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "NPY_DISABLE_CPU_FEATURES",
}


def make_template(folder: Path) -> Path:
    """A project with one room and its tape, whose lock is of what is installed here."""
    template = copy_project(folder / "template", ("conll2003",), recordings=True).folder
    names = ("numpy", "dvc", "pyyaml", "scikit-learn")
    lock = "".join(f"{name}=={version(name)} \\\n    --hash=sha256:{'0' * 64}\n    # via diziner\n" for name in names)
    (template / "requirements.lock").write_text(lock)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run([*git, "commit", "-q", "-a", "-m", "lock"], cwd=template, check=True)
    return template


def make_clinic(template: Path, folder: Path) -> Clinic:
    """A copy of the template, and an empty home."""
    home = folder / "home"
    home.mkdir()
    return Clinic(copy_tree(template, folder / "project").folder, home)


def unprivileged() -> None:
    """In a child before it runs: root, too, is held to the permissions of files. Linux only; others are no root."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "cannot drop a capability")


def require_permissions(folder: Path) -> None:
    """Skip where permissions of files hold nobody back."""
    closed = folder / "closed"
    closed.mkdir(mode=0)
    words = [sys.executable, "-c", "import os, sys; os.listdir(sys.argv[1])", str(closed)]
    try:
        opened = not subprocess.run(words, capture_output=True, preexec_fn=unprivileged).returncode
    except (OSError, subprocess.SubprocessError):
        opened = True
    closed.rmdir()
    if opened:
        pytest.skip("permissions of files do not hold this user")
