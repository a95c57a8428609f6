"""Temporary copies of the project for tests, with scripted models in place of real ones."""

from __future__ import annotations

import atexit
import compileall
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]

SCRIPTED = {
    "scripted_careful": {"model": "scripted-careful", "style": "few_shot"},
    "scripted_eager": {"model": "scripted-eager", "style": "plain"},
    "scripted_shy": {"model": "scripted-shy", "style": "few_shot"},
}


class Project:
    """A copy of the project's files in a folder of its own, as a git repository, with no outputs or answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's root."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**os.environ, "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(words)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def dvc(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(".venv/bin/dvc", *words, check=check)

    def stage(self, name: str, *words: str, check: bool = True, **environment: Any) -> subprocess.CompletedProcess[str]:
        return self.run(".venv/bin/python", "-m", f"stages.{name}", *words, check=check, **environment)

    def diziner(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(".venv/bin/python", "-m", "diziner", *words, check=check)

    def diziner_here(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line in this process, by this checkout's code, which takes a third of the time."""
        from diziner.cli import main

        out, err, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["diziner", *words])
            try:
                main()
            except SystemExit as left:
                code = int(left.code or 0)
        if check and code:
            pytest.fail(f"diziner {' '.join(words)} exited {code}\n{out.getvalue()}\n{err.getvalue()}")
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    def edit_params(self, change: Callable[[Any], object]) -> None:
        """Change params.yaml as data."""
        path = self.folder / "params.yaml"
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(value)
        path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")

    def outputs(self) -> dict[str, bytes]:
        """Every output and metric by path."""
        patterns = ("data/*/corpus/**/*", "data/*/rounds/**/*", "data/*/final/**/*", "metrics/**/*.json")
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for pattern in patterns
            for path in sorted(self.folder.glob(pattern))
            if path.is_file()
        }


def copy_project(folder: Path, benchmarks: tuple[str, ...] | None, recordings: bool = False) -> Project:
    """The files that git tracks or would track, with the pipelines of some benchmarks only (None: all).

    With `recordings`, tapes, metrics and locks come along: what a fresh clone has.
    """
    return copy_tree(_fresh_copy(benchmarks, recordings), folder)


def copy_tree(source: Path, folder: Path) -> Project:
    """Copy a whole project as it is, with its repository, outputs, cache and answers."""
    folder.mkdir(parents=True)
    subprocess.run(["cp", "-a", f"{source}/.", str(folder)], check=True)
    return Project(folder)


def commit_all(folder: Path, message: str) -> None:
    """Make a git repository of a folder, with one commit of all its files."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", message]):
        subprocess.run([*git, *words], cwd=folder, check=True)


@cache
def kept_folder() -> Path:
    """A folder for what the tests of this process make once; gone at its end."""
    folder = Path(tempfile.mkdtemp(prefix="diziner-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def compiled_code() -> Path:
    """A folder with the project's `diziner` and `stages` and their bytecode, for copies: a process starts in half
    the time. A source file that a test changes is compiled by whoever imports it."""
    folder = kept_folder() / "code"
    for name in ("diziner", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(folder / name, quiet=2)
    return folder


@cache
def _fresh_copy(benchmarks: tuple[str, ...] | None, recordings: bool) -> Path:
    """A project for `copy_project` to copy: made once in this process, used by no test."""
    named = "all" if benchmarks is None else "-".join(benchmarks)
    folder = kept_folder() / f"project-{named}{'-recorded' * recordings}"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        parts = Path(name).parts
        recorded = (parts[0] == "metrics" and source.suffix == ".json") or parts[-1] in {"dvc.lock", "tape.jsonl"}
        if not source.exists() or parts[0] == "tests" or (recorded and not recordings):
            continue
        if benchmarks is not None and parts[0] == "data" and parts[-1] == "dvc.yaml" and parts[1] not in benchmarks:
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    commit_all(folder, "copy")
    for path in compiled_code().rglob("__pycache__"):
        shutil.copytree(path, folder / path.relative_to(compiled_code()))
    return folder


def use_scripted(params: dict[str, Any]) -> None:
    """Put scripted annotators and a scripted supervisor in place of the local models."""
    template = params["annotators"][params["annotator_pool"][0]]
    params["annotators"] = {
        name: {**template, **entry, "endpoint": "scripted", "revision": "", "structured": "json_schema"}
        for name, entry in SCRIPTED.items()
    }
    params["annotator_pool"] = list(SCRIPTED)
    params["supervisor"]["model"] |= {
        "endpoint": "scripted",
        "model": "scripted-supervisor",
        "revision": "",
        "structured": "json_schema",
    }
    params["endpoints"] = {"scripted": {"kind": "scripted"}}
    params["corpus"]["pilot"]["pins"] = False  # the published sets are those of the tapes
