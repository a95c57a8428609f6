"""Isolated experiments of real DVC, without an activated environment or a home: they share the project's answers."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from projects import ROOT, Project, copy_project

from diziner.layout import MARK, home, store_path
from diziner.scripted.server import ScriptedServer

ROOM = "data/conll2003/dvc.yaml"
TAPED, ASKED = (f"{ROOM}:annotate@{name}-round0" for name in ("smollm_few_shot", "asked"))
DOCUMENTS = 6
PAGE = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
# How the page starts a queue where no environment is activated.
(START,) = re.findall(r"^(PATH=.* dvc queue start .*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


class Experiments(Project):
    """A project of one annotator that a server answers and one that a tape does, each asked in round 0."""

    def __init__(self, folder: Path, server: ScriptedServer) -> None:
        super().__init__(folder)
        self._server = server
        self.home = folder.parent / "home"
        self.home.mkdir(mode=0o555)

    def dvc(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.shell(shlex.join([".venv/bin/dvc", *words]), check)

    def shell(self, line: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a line as a user would who activated nothing; no weights of local models are at hand."""
        variables = ("PATH=/usr/bin:/bin", f"HOME={self.home}", "DIZINER_CACHE=/dev/null/none", "DVC_NO_ANALYTICS=1")
        return self.run("env", "-i", *variables, "sh", "-c", line, check=check)

    def counts(self) -> tuple[int, int]:
        """How often the server was asked, and the answers in the project's store."""
        with sqlite3.connect(f"file:{self.folder / '.responses/responses.sqlite'}?mode=ro", uri=True) as store:
            return self._server.requests, store.execute("SELECT count(*) FROM responses").fetchone()[0]

    def experiments(self) -> set[str]:
        """The names of the experiments that have ended."""
        return set(self.run("git", "for-each-ref", "--format=%(refname:lstrip=-1)", "refs/exps/??/*/*").stdout.split())

    def run_queue(self, count: int) -> None:
        """Run what is queued, two at once, and wait until `count` experiments have ended well."""
        wanted = len(self.experiments()) + count
        self.shell(f"{START} >/dev/null 2>&1")  # workers hold these streams open while they are idle
        until = time.monotonic() + 300
        while len(self.experiments()) < wanted:
            assert time.monotonic() < until, self.dvc("queue", "status").stdout
            time.sleep(0.1)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, server: ScriptedServer) -> Iterator[Experiments]:
    folder = tmp_path_factory.mktemp("experiments") / "a project"
    copy_project(folder, ("conll2003",), recordings=True)
    project = Experiments(folder, server)

    def use_server(params: dict[str, Any]) -> None:
        taped = params["annotators"]["smollm_few_shot"]
        asked = {"endpoint": "hosted", "model": "scripted-shy", "revision": "", "structured": "json_schema"}
        params["annotators"]["asked"] = {**taped, **asked}
        params["annotator_pool"] = ["smollm_few_shot", "asked"]
        params["endpoints"]["hosted"] = {"kind": "hosted", "provider": "openai", "api_base": server.base_url}

    project.edit_params(use_server)
    for name in ("user.name", "user.email"):
        project.run("git", "config", name, "test")
    project.dvc("repro", TAPED, ASKED)
    project.run("git", "commit", "-qam", "run")
    assert project.counts() == (DOCUMENTS, DOCUMENTS)
    yield project
    project.shell(START.replace("start --jobs 2", "stop --kill"))
    for process in psutil.process_iter(["cmdline"]):  # a worker that was not at work does not hear of it
        if str(project.folder) in " ".join(process.info["cmdline"] or ()):
            process.kill()
    assert not list(project.home.iterdir()), "root may write to a folder without leave, so it has to be looked at"


def isolated(project: Experiments, *words: str) -> None:
    """Run an experiment in a copy; both annotators must have run in it."""
    before = project.experiments()
    done = project.dvc("exp", "run", "--temp", *words, TAPED, ASKED)
    assert f"Running stage '{TAPED}'" in done.stdout and f"Running stage '{ASKED}'" in done.stdout
    assert len(project.experiments() - before) == 1
    assert project.run("git", "status", "--porcelain").stdout == "", "the workspace stays as it was"


def test_an_isolated_experiment_asks_nothing_that_is_answered(project: Experiments) -> None:
    before = project.counts()
    isolated(project, "-S", "answers.max_failed_share=0.11")
    assert project.counts() == before


def test_what_an_isolated_experiment_asks_is_in_the_projects_store_and_not_asked_again(project: Experiments) -> None:
    asked, kept = project.counts()
    isolated(project, "-S", "annotators.asked.seed=7", "-S", "answers.max_failed_share=0.12")
    assert project.counts() == (asked + DOCUMENTS, kept + DOCUMENTS)
    isolated(project, "-S", "annotators.asked.seed=7", "-S", "answers.max_failed_share=0.13")
    assert project.counts() == (asked + DOCUMENTS, kept + DOCUMENTS)


def test_an_experiment_by_our_own_runner_is_one_of_dvcs(project: Experiments) -> None:
    """`diziner exp run`: in the work tree, with params.yaml as people wrote it, and refused where DVC would refuse."""
    before, counts = (project.folder / "params.yaml").read_text(), project.counts()
    words = ("exp", "run", "-S", "answers.max_failed_share=0.16", "-n", "ours")
    try:
        said = project.diziner(*words, TAPED, ASKED).stdout
        assert said.endswith("kept as the experiment ours: see `dvc exp show`\n")
        assert project.counts() == counts and "ours" in project.experiments()
        ref = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/ours").stdout.strip()
        kept = project.run("git", "show", f"{ref}:params.yaml").stdout
        assert kept == (project.folder / "params.yaml").read_text()
        changed = {line for line in kept.splitlines() if line not in before.splitlines()}
        assert len(changed) == 1 and "max_failed_share: 0.16" in changed.pop()
        assert "max_failed_share: 0.16" in project.run("git", "show", f"{ref}:data/conll2003/dvc.lock").stdout
        assert "0.16" in project.dvc("exp", "show", "--only-changed", "--csv").stdout
        again = project.diziner(*words, TAPED, check=False)
        assert again.returncode == 2 and "--name ours: an experiment of this commit has it" in again.stderr
    finally:
        project.run("git", "checkout", "-q", ".")
    wrong = project.diziner("exp", "run", "-S", "scoring.seed=x", check=False)
    assert wrong.returncode == 2 and "'x' is not of type 'integer'" in wrong.stderr
    assert project.run("git", "status", "--porcelain").stdout == ""


def test_a_queue_without_dvc_on_the_path_does_not_run_which_the_page_says(project: Experiments) -> None:
    """Hold the page to what DVC does."""
    project.dvc("exp", "run", "--queue", "-S", "answers.max_failed_share=0.15", TAPED)
    assert "No such file or directory: 'dvc'" in project.dvc("queue", "start").stderr
    assert "Queued" in project.dvc("queue", "status").stdout
    project.dvc("queue", "remove", "--queued")
    assert "needs `dvc` on the PATH" in PAGE


def test_a_queue_of_two_points_asks_what_is_new_and_keeps_it_in_the_projects_store(project: Experiments) -> None:
    asked, kept = project.counts()
    settings = ("-S", "answers.max_failed_share=0.14", "-S", "annotators.asked.seed=0,8")
    assert project.dvc("exp", "run", "--queue", *settings, TAPED, ASKED).stdout.count("Queued experiment") == 2
    project.run_queue(2)
    assert project.counts() == (asked + DOCUMENTS, kept + DOCUMENTS), "of the two points, one is answered"


@pytest.mark.parametrize(
    ("mark", "dvc", "copy", "expected"),
    [
        (".", ".", "tmpx", "."),
        (".", ".", "standalone/tmpx", "."),
        ("ner", "ner", "tmpx", "ner"),  # dvc init --subdir
        ("teams/ner", ".", "tmpx", "teams/ner"),
        ("teams/ner", "teams", "tmpx", "teams/ner"),
    ],
)
def test_a_copy_knows_its_project_wherever_dvcs_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str, dvc: str, copy: str, expected: str
) -> None:
    root = tmp_path / "root"
    copied = root / dvc / ".dvc/tmp/exps" / copy
    for repository in (root, copied):
        (repository / ".git").mkdir(parents=True)
        (repository / mark).mkdir(parents=True, exist_ok=True)
        (repository / mark / MARK).touch()
    monkeypatch.chdir(copied / mark)
    assert home() == root / expected
    assert store_path() == root / expected / ".responses/responses.sqlite"
    monkeypatch.chdir(root / mark)
    assert home() == Path()
