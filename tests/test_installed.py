"""A use outside the clone: what the wheel installs, and what works with it in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from page_blocks import commands_of
from projects import ROOT, copy_project

from diziner.common.version import VERSION

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")
OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "DVC_NO_ANALYTICS": "1"}


def run(*words: str | Path, where: Path, code: int = 0, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of this checkout or its environment; `path` comes first on its PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = {**kept, **OFFLINE, "PATH": f"{path or '/bin'}:/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a clean clone."""
    folder = tmp_path_factory.mktemp("wheel")
    clone = copy_project(folder / "clone", None, recordings=True).folder
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "-w", folder, clone, where=folder)
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment where the wheel is installed, beside the packages that it needs."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, where=folder.parent)
    packages = folder / sysconfig.get_path("purelib", vars={"base": ""}).lstrip("/")
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "-q", "--no-deps", "--no-index")
    run(*pip, wheel, where=folder.parent)
    assert (folder / "bin/diziner").is_file()
    return folder / "bin"


@pytest.fixture(scope="module")
def project(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of all benchmarks in an empty folder, committed as it was laid, then one of them replayed."""
    above = tmp_path_factory.mktemp("my projects")
    run("diziner", "init", "p", where=above, path=scripts)
    folder = above / "p"
    for words in (["add", "-A"], ["commit", "-q", "-m", "laid"]):
        run(*GIT, *words, where=folder)
    run("diziner", "repro", "conll2003", where=folder, path=scripts)
    return folder


def test_the_wheel_installs_diziner_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"diziner", f"diziner-{VERSION}.dist-info"}
    assert {"diziner/py.typed", "diziner/skeleton/stages/run", "diziner/skeleton/.gitignore"} <= set(names)
    assert not [name for name in names if name.startswith("diziner/skeleton/tests")]
    assert len([name for name in names if name.endswith("/tape.jsonl")]) == 18
    assert wheel.stat().st_size < 2_000_000


def test_a_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = "import sys; from setuptools.build_meta import build_sdist as b; print(b(sys.argv[1]))"
    done = run(sys.executable, "-c", build, tmp_path, where=wheel.parent / "clone")
    with tarfile.open(tmp_path / done.stdout.splitlines()[-1]) as archive:
        archive.extractall(tmp_path, filter="data")
    again = "import sys; from setuptools.build_meta import build_wheel as b; b(sys.argv[1])"
    run(sys.executable, "-c", again, tmp_path, where=tmp_path / f"diziner-{VERSION}")
    [second] = tmp_path.glob("*.whl")
    contents = [{name: z.read(name) for name in z.namelist()} for z in map(zipfile.ZipFile, (wheel, second))]
    assert contents[0] == contents[1]


def test_in_an_empty_folder_make_repro_ends_with_a_table(scripts: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my corpora"
    run("diziner", "init", folder, "--example", where=tmp_path, path=scripts)
    lines = run("make", "repro", where=folder, path=scripts).stdout.splitlines()
    [row] = [line for line in lines if line.startswith("conll2003  ")]
    summary = json.loads((folder / "metrics/summary.json").read_text())
    assert summary["over"][0]["scored"] == 1 and f"{summary['benchmarks'][0]['f1']:.3f}" in row
    for words in (["add", "-A"], ["commit", "-q", "-m", "reproduced"]):
        run(*GIT, *words, where=folder)
    assert "up to date" in run("make", "repro", where=folder, path=scripts).stdout
    assert run("git", "status", "--porcelain", where=folder).stdout == ""
    assert "passed: 1 benchmark" in run("diziner", "gate", "--base", "HEAD", where=folder, path=scripts).stdout
    # After an update of the package: the block of docs/own-project.md, as it stands.
    for words in (["config", "user.name", "t"], ["config", "user.email", "t@example.org"]):
        run("git", *words, where=folder)
    (folder / ".diziner").write_text("0.0.1\n")
    run("git", "commit", "-qam", "an earlier version", where=folder)
    for line in commands_of("own-project.md")[0].lines:
        run("sh", "-c", line, where=folder, path=scripts)
    assert (folder / ".diziner").read_text() == f"{VERSION}\n"
    assert run("git", "status", "--porcelain", where=folder).stdout == ""


def test_a_new_project_replays_its_answers_to_the_figures_that_it_was_laid_with(project: Path, scripts: Path) -> None:
    """Locks, digests of code and metrics are as laid, to the byte; no model was asked."""
    assert (project / "data/conll2003/final/scores.json").is_file()
    assert run("git", "status", "--porcelain", where=project).stdout == ""
    assert not (project / ".responses").exists()
    report = json.loads(run("diziner", "doctor", "--json", "--quick", where=project, path=scripts).stdout)
    assert [finding for finding in report["findings"] if finding["state"] == "problem"] == []


def test_make_says_where_it_looks_for_diziner(project: Path) -> None:
    done = run("make", "repro", where=project, code=2)
    assert "no diziner in .venv/bin or on the PATH" in done.stderr


def test_an_environment_without_diziner_is_not_the_projects(project: Path, scripts: Path) -> None:
    """Another tool's environment above, which has all that the library needs."""
    packages = project.parent / ".venv/lib/python3.11/site-packages"
    [needs] = re.findall("^needs='(.*)'$", (project / "stages/run").read_text(), re.MULTILINE)
    for name in needs.split():
        (packages / name).mkdir(parents=True)
    (project.parent / ".venv/bin").mkdir()
    (project.parent / ".venv/bin/python").symlink_to("/bin/false")
    corpus = (scripts / "python", "-m", "stages.corpus", "conll2003")
    repro = ("diziner", "repro", "-f", "data/conll2003/dvc.yaml:corpus")
    run(*repro, where=project, path=scripts)
    (packages / "diziner-0.0.1.dist-info").mkdir()
    try:
        said = run(*repro, where=project, path=scripts, code=1).stderr
        assert said.startswith("error: ") and said.count("\n") == 1
    finally:
        shutil.rmtree(project.parent / ".venv")
    # DVC removes a stage's outputs before it runs.
    assert "`diziner repro -f dvc.yaml:code_digests`" in run(*corpus, where=project, path=scripts, code=2).stderr
    run("git", "checkout", "-q", "--", "stages", where=project)


def test_an_updated_library_of_the_same_version_is_seen_by_repro(project: Path, scripts: Path) -> None:
    """As after an installation from another commit: DVC sees nothing of it, as the library is not in the project."""
    [module] = scripts.parent.rglob("diziner/corpora/card.py")
    before, repro = module.read_bytes(), ("diziner", "repro", "conll2003")
    module.write_bytes(before + b"\n# another commit\n")
    try:
        assert "code_digests" in run(*repro, "--dry", where=project, path=scripts).stdout
        assert "corpus" in run(*repro, where=project, path=scripts).stdout
        assert "up to date" in run(*repro, where=project, path=scripts).stdout
        assert "current" in run("diziner", "status", "conll2003", where=project, path=scripts).stdout
    finally:
        module.write_bytes(before)
        run(*repro, where=project, path=scripts)


def test_a_stage_stops_at_code_that_is_not_what_its_digest_file_says(project: Path, scripts: Path) -> None:
    [module] = scripts.parent.rglob("diziner/corpora/card.py")
    before = module.read_bytes()
    module.write_bytes(before + b"\n# another release\n")
    corpus = (scripts / "python", "-m", "stages.corpus", "conll2003")
    try:
        said = run(*corpus, where=project, path=scripts, code=2).stderr
        assert "diziner/corpora/card.py" in said
        remedy = "diziner repro -f dvc.yaml:code_digests"
        assert f"`{remedy}`" in said
        run(*remedy.split(), where=project, path=scripts)
        run(*corpus, where=project, path=scripts)
    finally:
        module.write_bytes(before)


def test_another_projects_package_of_stages_is_its_own(scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/prepare.py").write_text("VALUE = 7\n")
    for package in (False, True):
        if package:
            (tmp_path / "stages/__init__.py").touch()
        code = "import stages.prepare, diziner.cli, sys; print(stages.prepare.VALUE, stages.__path__[0])"
        said = run(scripts / "python", "-c", code, where=tmp_path).stdout.split()
        assert said == ["7", str(tmp_path / "stages")]
    assert "`diziner init DIR`" in run(scripts / "diziner", "summary", where=tmp_path, code=2).stderr


def test_plain_files_are_scored_in_an_empty_folder(scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "gold.conll").write_text("Ada B-PER\nsaw O\nRome B-LOC\n\n")
    (tmp_path / "mine.conll").write_text("Ada B-PER\nsaw O\nRome O\n\n")
    words = ("score", "--gold", "gold.conll", "--pred", "mine.conll")
    scores = json.loads(run(scripts / "diziner", *words, where=tmp_path).stdout)
    assert scores["predictions"][0]["protocols"]["strict"]["precision"] == 1.0
    assert run(scripts / "diziner", "--version", where=tmp_path).stdout == f"diziner {VERSION}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gold.conll", "mine.conll"]


class Job:
    """A machine of continuous integration: an environment without diziner, and files by which steps speak on."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        environment = folder / "venv"
        run(sys.executable, "-m", "venv", "--without-pip", environment, where=folder)
        packages = environment / sysconfig.get_path("purelib", vars={"base": ""}).lstrip("/")
        (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        self.summary, self._environment = folder / "summary.md", folder / "environment"
        self.path = environment / "bin"
        self._kept = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))},
            **OFFLINE,
            **{f"PIP_NO_{what}": "1" for what in ("DEPS", "INDEX")},
            "PATH": f"{self.path}:/usr/local/bin:/usr/bin:/bin",
            "GITHUB_ACTION_PATH": str(wheel),
            "GITHUB_BASE_REF": "main",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_ENV": str(self._environment),
        }

    def runs(self, steps: list[dict[str, Any]], where: Path, **inputs: str) -> tuple[int, str]:
        """Run the steps that are scripts, as GitHub's machines do, up to the first that fails."""
        self.summary.write_text("")
        self._environment.write_text("")
        said = ""
        for step in (step for step in steps if "run" in step):
            chosen = {name: within(value, inputs) for name, value in step.get("env", {}).items()}
            chosen |= dict(line.split("=", 1) for line in self._environment.read_text().splitlines())
            assert step["shell"] == "bash" and "${{" not in step["run"]
            folder = where / within(step.get("working-directory", "."), inputs)
            words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(words, cwd=folder, env={**self._kept, **chosen}, capture_output=True, text=True)
            said += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, said
        return 0, said


def within(text: str, inputs: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], text)


def test_the_gate_is_one_line_anywhere_by_the_wheel_alone(
    wheel: Path, scripts: Path, project: Path, tmp_path: Path
) -> None:
    """An action, a hook and a written workflow, in a bare clone of a pull request: no outputs, no cache, no base."""
    origin = tmp_path / "origin"
    run("git", "clone", "-q", project, origin, where=tmp_path)
    run("git", "branch", "-M", "main", where=origin)
    source = f"{tmp_path}/my wheels/{wheel.name}"
    Path(source).parent.mkdir()
    shutil.copy(wheel, source)
    run("diziner", "gate", "--set-up", "github", "--from", source, where=origin, path=scripts)
    run(*GIT, "add", "-A", where=origin)
    run(*GIT, "commit", "-qm", "gate", where=origin)
    run("git", "checkout", "-qb", "better", where=origin)
    guideline = origin / "data/conll2003/guideline.yaml"
    guideline.write_text(guideline.read_text() + "# remark\n")
    run(*GIT, "commit", "-qam", "edited and not run", where=origin)
    clones = {}
    for branch in ("main", "better"):
        clones[branch] = tmp_path / branch
        run("git", "clone", "-q", "--depth=1", "--branch", branch, f"file://{origin}", branch, where=tmp_path)

    action = yaml.safe_load((ROOT / "action.yml").read_text())
    inputs = {name: entry["default"] for name, entry in action["inputs"].items()}
    job = Job(tmp_path, wheel)
    code, said = job.runs(action["runs"]["steps"], clones["main"], **inputs)
    assert code == 0, said
    assert "not fetched" in job.summary.read_text() and "passed: 18 benchmarks" in job.summary.read_text()
    code, said = job.runs(action["runs"]["steps"], clones["better"], **inputs)
    assert code == 1 and "error: gate failed: conll2003" in said
    assert "data/conll2003/guideline.yaml changed" in job.summary.read_text()
    code, said = job.runs(action["runs"]["steps"], tmp_path, **{**inputs, "folder": "better", "base": "HEAD"})
    assert code == 1 and "error: gate failed: conll2003" in said

    [written] = clones["main"].glob(".github/workflows/*.yml")
    steps = yaml.safe_load(written.read_text())["jobs"]["gate"]["steps"]
    assert {step["uses"] for step in steps + action["runs"]["steps"] if "uses" in step} <= {
        step["uses"]
        for job in yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    }
    code, said = job.runs(steps, clones["main"])
    assert code == 0 and "passed: 18 benchmarks" in job.summary.read_text(), said

    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    run("sh", "-c", hook["entry"], where=clones["main"], path=job.path)
    changed = run("git", "diff", "--name-only", "HEAD^", where=origin).stdout.split()
    assert all(re.search(hook["files"], path) for path in changed)
