"""The launcher of stages, `stages/run`: which Python it takes, what it says where there is none, how it ends."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from projects import ROOT

from diziner.common.errors import UserError
from diziner.repro.workers import stage_python

PROBE = """
import json, os, sys, time
print(json.dumps([sys.prefix, os.getpid(), sys.argv[1:]]), flush=True)
if "--wait" in sys.argv:
    time.sleep(60)
"""
SYSTEM = "/usr/bin:/bin"  # without an environment
SHELLS = ("sh", "dash", "bash", "ksh", "zsh", "busybox")


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of environments: `full` is this one by a link, `bare` has nothing, `seen` sees this one's packages."""
    folder = tmp_path_factory.mktemp("all environments")
    (folder / "full").symlink_to(sys.prefix)
    for name in ("bare", "seen"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / name], check=True)
    (packages,) = (folder / "seen").glob("lib/python3*/site-packages")
    (packages / "more.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project two folders down, with spaces in its path, that has the launcher and one stage, no environment."""
    folder = tmp_path / "my projects" / "a project"
    (folder / "stages").mkdir(parents=True)
    (folder / "diziner").mkdir()
    (folder / "diziner/__init__.py").touch()
    shutil.copy2(ROOT / "stages/run", folder / "stages")
    (folder / "stages/probe.py").write_text(PROBE)
    return folder


def environment(path: str = SYSTEM, **more: object) -> dict[str, str]:
    """Variables of a process that knows of no environment and has no home."""
    return {"PATH": path, "HOME": "/dev/null/none", **{name: str(value) for name, value in more.items()}}


def beyond_shells(words: Sequence[str]) -> list[str]:
    """The same command with so many shells between that the launcher does not see who started it."""
    for _ in range(5):
        words = ["sh", "-c", '"$@"; exit $?', "sh", *words]
    return list(words)


def launch(
    project: Path, *words: str, shell: Sequence[str] = ("sh",), **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run `sh stages/run …` out of sight of the Python that runs the tests."""
    return subprocess.run(
        beyond_shells([*shell, "stages/run", *(words or ("probe",))]),
        cwd=project,
        env=environment(**variables),  # type: ignore[arg-type]
        capture_output=True,
        text=True,
        check=False,
    )


def prefix(done: subprocess.CompletedProcess[str]) -> Path:
    """The environment that the stage ran in."""
    assert (done.returncode, done.stderr) == (0, "")
    found = re.match(r'\["([^"]+)"', done.stdout)
    assert found, done.stdout
    return Path(found[1])


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("error: ").strip()


def test_diziner_python_comes_first(project: Path, environments: Path) -> None:
    (project / ".venv").symlink_to(environments / "seen")
    named = environments / "full/bin/python"
    assert prefix(launch(project, DIZINER_PYTHON=named)) == environments / "full"


def test_diziner_python_may_be_a_name_on_the_path(project: Path, environments: Path) -> None:
    path = f"{environments / 'seen/bin'}:{SYSTEM}"
    assert prefix(launch(project, path=path, DIZINER_PYTHON="python3")) == environments / "seen"


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        ("bare/bin/python", "lacks fastjsonschema, jinja2, litellm, numpy, polars, scipy, seqeval, yaml"),
        ("gone/bin/python", "is no program"),
        ("text", "does not start"),
    ],
)
def test_a_diziner_python_that_will_not_do_is_not_passed_over(
    project: Path, environments: Path, named: str, wrong: str
) -> None:
    (project / ".venv").symlink_to(environments / "full")
    (environments / "text").write_text("\0no program\n")
    (environments / "text").chmod(0o755)
    said = refusal(launch(project, DIZINER_PYTHON=environments / named))
    assert said.startswith(f"DIZINER_PYTHON: {environments / named} {wrong}; set it to a Python that has")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_then_the_nearest_environment_upward(project: Path, environments: Path, level: int) -> None:
    (project, *project.parents)[level].joinpath(".venv").symlink_to(environments / "full")
    found = prefix(launch(project, path=f"{environments / 'seen/bin'}:{SYSTEM}"))
    assert found == (project, *project.parents)[level] / ".venv"


def test_environments_without_the_packages_or_a_python_are_passed_over(project: Path, environments: Path) -> None:
    (project / ".venv").symlink_to(environments / "bare")
    (project.parent / ".venv").symlink_to(environments / "gone")
    (project.parents[1] / ".venv").symlink_to(environments / "full")
    assert prefix(launch(project)) == project.parents[1] / ".venv"


def test_an_environment_that_finds_its_packages_elsewhere_will_do(project: Path, environments: Path) -> None:
    (project / ".venv").symlink_to(environments / "seen")
    (project.parent / ".venv").symlink_to(environments / "full")
    assert prefix(launch(project)) == project / ".venv"


@pytest.mark.parametrize("name", ["full", "seen"])
def test_then_the_python_that_started_it(project: Path, environments: Path, name: str) -> None:
    started = "import subprocess; subprocess.run(['sh', '-c', 'sh stages/run probe; true'])"
    done = subprocess.run(
        beyond_shells([str(environments / name / "bin/python"), "-c", started]),
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert prefix(done) == environments / name


def test_then_python3_on_the_path(project: Path, environments: Path) -> None:
    (project / ".venv").symlink_to(environments / "bare")
    assert prefix(launch(project, path=f"{environments / 'full/bin'}:{SYSTEM}")) == environments / "full"


def test_else_one_line_names_all_four_and_what_is_wrong_with_each(project: Path, environments: Path) -> None:
    (project / ".venv").symlink_to(environments / "bare")
    (project.parent / ".venv").symlink_to(environments / "gone")
    lacks = "lacks fastjsonschema, jinja2, litellm, numpy, polars, scipy, seqeval, yaml"
    assert refusal(launch(project, path=f"{environments / 'bare/bin'}:{SYSTEM}")) == (
        "no Python here can run this project: DIZINER_PYTHON is not set; "
        f".venv: {project}/.venv/bin/python {lacks}, {project.parent}/.venv/bin/python is no program; "
        "the process that started this: no Python; "
        f"python3 on the PATH: {environments}/bare/bin/python3 {lacks}. "
        "Run `make setup`, or install diziner in one of them where the project has none; or set DIZINER_PYTHON to a "
        "Python that has the packages of requirements.lock"
    )


def test_the_line_says_where_nothing_was_found(project: Path, environments: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "sed", "tr", "readlink"):
        (tools / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name}"))
    done = subprocess.run(
        beyond_shells(
            [str(environments / "bare/bin/python"), "-c", "import os; os.system('sh stages/run probe; exit 2')"]
        ),
        cwd=project,
        env=environment(str(tools)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert f".venv: none in {project} or above; " in done.stderr
    assert f"the process that started this: {environments}/bare/bin/python lacks fastjsonschema, " in done.stderr
    assert "; python3 on the PATH: none. Run `make setup`" in done.stderr


def test_arguments_arrive_as_they_were(project: Path, environments: Path) -> None:
    (project / ".venv").symlink_to(environments / "full")
    done = launch(project, "probe", "two words", "", "*", "--round", "0", "$HOME")
    assert done.stdout.endswith(', ["two words", "", "*", "--round", "0", "$HOME"]]\n')


@pytest.mark.parametrize("words", [("nosuch",), ("probe.py",)])
def test_a_stage_that_is_not_there_is_named(project: Path, words: tuple[str, ...]) -> None:
    said = refusal(launch(project, *words))
    assert said == f"no stages/{words[0]}.py in {project}; stages run from the project's root"


def test_without_a_stage_it_says_how_it_is_used(project: Path) -> None:
    done = subprocess.run(["sh", "stages/run"], cwd=project, capture_output=True, text=True, check=False)
    assert refusal(done) == "usage: sh stages/run NAME ARGUMENTS"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_launcher_ends_the_stage(project: Path, environments: Path, number: signal.Signals) -> None:
    (project / ".venv").symlink_to(environments / "full")
    words = ["sh", "stages/run", "probe", "--wait"]
    with subprocess.Popen(words, cwd=project, env=environment(), stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout
        assert f", {process.pid}, " in process.stdout.readline(), "the stage is another process than the launcher"
        process.send_signal(number)
        assert process.wait(30) == -number


@pytest.mark.parametrize("name", SHELLS)
def test_any_shell_runs_it(project: Path, environments: Path, name: str) -> None:
    if not shutil.which(name):
        pytest.skip(f"no {name} here")
    (project / ".venv").symlink_to(environments / "bare")
    shell = (name, "sh") if name == "busybox" else (name,)
    path = f"{environments / 'seen/bin'}:{SYSTEM}"
    assert prefix(launch(project, "probe", shell=shell, path=path)) == environments / "seen"
    assert refusal(launch(project, "probe", shell=shell, path=f"{environments / 'bare/bin'}:{SYSTEM}"))


def test_repro_takes_the_python_that_the_launcher_takes(
    project: Path, environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".venv").symlink_to(environments / "seen")
    assert stage_python(project) == f"{project}/.venv/bin/python"
    monkeypatch.setenv("DIZINER_PYTHON", str(environments / "full/bin/python"))
    assert stage_python(project) == f"{environments}/full/bin/python"
    monkeypatch.setenv("DIZINER_PYTHON", str(environments / "gone"))
    with pytest.raises(UserError, match=r"DIZINER_PYTHON: .*/gone is no program; "):
        stage_python(project)


def test_what_it_looks_for_is_what_the_project_depends_on() -> None:
    listed = re.search(r"^needs='([^']+)'", (ROOT / "stages/run").read_text(), re.MULTILINE)
    assert listed
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[^\w.-]", line)[0].removeprefix("py") for line in declared}  # pyyaml is imported as yaml
    assert set(listed[1].split()) <= names


def test_an_installed_library_is_one_of_the_packages(project: Path, environments: Path, tmp_path: Path) -> None:
    """A project from `diziner init` has no library of its own: the environment must have it."""
    shutil.rmtree(project / "diziner")
    seen = tmp_path / "seen"
    shutil.copytree(environments / "seen", seen, symlinks=True)
    assert f"{seen / 'bin/python'} lacks diziner;" in refusal(launch(project, DIZINER_PYTHON=seen / "bin/python"))
    (packages,) = seen.glob("lib/python3*/site-packages")
    (packages / "diziner").mkdir()
    (packages / "diziner/__init__.py").touch()
    assert prefix(launch(project, DIZINER_PYTHON=seen / "bin/python")) == seen
