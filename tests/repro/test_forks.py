"""Forks are of a process with one thread, on each Python at hand; where there is a second thread, nothing is forked.

Other interpreters, each with requirements.lock installed, are named in DIZINER_PYTHONS, separated as PATH is.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import Project, copy_project, use_scripted
from repro_projects import make_graph, shell, toy

from diziner.repro import threads
from diziner.repro.job import Job
from diziner.repro.workers import Workers
from diziner.scripted.server import ScriptedServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is loaded before a fork")

NAMED = list(filter(None, os.environ.get("DIZINER_PYTHONS", "").split(os.pathsep)))
PYTHONS = [pytest.param(sys.executable, id="this"), *NAMED]
UNNAMED = pytest.param("", marks=pytest.mark.skip(reason="DIZINER_PYTHONS names no other interpreters"), id="others")

# Notes at each fork of the server how many threads the system counts in it, and what of interest is loaded.
HOOK = """
import os, sys

def _note(event, arguments):
    if event == "os.fork" and sys.argv[0].endswith("server.py"):
        names = ("numpy", "scipy", "sklearn", "pandas", "pyarrow", "litellm", "polars")
        with open({path!r}, "a") as file:
            print(len(os.listdir("/proc/self/task")), *(name for name in names if name in sys.modules), file=file)

sys.addaudithook(_note)
"""


def use_python(project: Project, python: str) -> None:
    """Have a project run on an interpreter."""
    (project.folder / ".venv").unlink()
    (project.folder / ".venv").symlink_to(Path(python).parents[1])


def watch_forks(project: Project) -> Path:
    """Have each fork of a project's server noted in the file that is returned."""
    path = project.folder / "forks.txt"
    with (project.folder / "diziner/__init__.py").open("a") as file:
        file.write(HOOK.format(path=str(path)))
    return path


def test_threads_are_listed_as_the_system_counts_them_or_as_python_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = threads.others()
    end = threading.Event()
    started = threading.Thread(target=end.wait, name="extra")
    started.start()
    assert len(threads.others()) == len(before) + 1
    monkeypatch.setattr(threads, "_TASKS", tmp_path / "no-such-folder")
    assert "extra" in threads.others()
    end.set()
    started.join()
    assert "extra" not in threads.others()


@pytest.mark.parametrize("python", PYTHONS if NAMED else [*PYTHONS, UNNAMED])
def test_the_server_has_one_thread_at_each_fork_of_the_projects_own_stages(tmp_path: Path, python: str) -> None:
    project = copy_project(tmp_path / "project", ("conll2003", "mit_movie"))
    use_python(project, python)
    forks = watch_forks(project)

    with ScriptedServer() as server:

        def over_http(params: dict[str, Any]) -> None:
            use_scripted(params)
            params["endpoints"]["scripted"] = {"kind": "hosted", "provider": "openai", "api_base": server.base_url}

        project.edit_params(over_http)
        # One at a time: each but the first stage of a kind finds loaded what the first one needed.
        words = [".venv/bin/python", "-m", "diziner", "repro", "-j", "1", "conll2003", "mit_movie"]
        done = project.run(*words, PYTHONWARNINGS="always::DeprecationWarning")
    seen = [line.split() for line in forks.read_text().splitlines()]
    assert {count for count, *_ in seen} == {"1"}
    # Every stage was forked, and by the end from a process with all of these in memory.
    assert len(seen) == int(done.stdout.split(" stages in ")[0].rpartition("\n")[2])
    assert set(seen[-1][1:]) == {"numpy", "scipy", "litellm"}
    # Polars, which is not among them, worked in those that need it.
    assert len(list(project.folder.glob("data/*/rounds/*/tokens.parquet"))) == 4
    assert "fork" not in done.stderr


# A stage that loads a module which starts a thread, as a library may do one day.
STARTS_A_THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
FACTS = """
import json, os, sys
from pathlib import Path
import stages.threaded
facts = [__name__, *sys.argv[1:], os.getcwd(), os.environ["SAID"], sys.stdin.read(), os.getpgid(0) == os.getpid()]
Path(sys.argv[1]).write_text(json.dumps([*facts, os.getppid()]))
print("printed", flush=False)
raise SystemExit(int(sys.argv[2]))
"""


def python_job(project: Project, name: str, module: str, *words: str, **environment: str) -> Job:
    arguments = (str(project.folder / name), *words)
    lines = [[".venv/bin/python", "-m", module, *arguments]]
    return Job(name, lines, str(project.folder), environment, str(project.folder / f"{name}.log"), module, arguments)


def ended(workers: Workers) -> tuple[str, int, int]:
    """The name and exit code of a job that has ended, and how many threads kept it from being forked."""
    ready = workers.fileno()
    assert ready is not None and select.select([ready], [], [], 120)[0], "no news"
    [news] = workers.ended()
    return news.name, news.code, len(news.threads)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.fixture(params=PYTHONS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    made = make_graph(tmp_path / "project", {})
    use_python(made, request.param)
    (made.folder / "stages/threaded.py").write_text(STARTS_A_THREAD)
    (made.folder / "stages/facts.py").write_text(FACTS)
    (made.folder / "stages/blas.py").write_text(BLAS)
    return made


@pytest.fixture
def threaded(project: Project) -> Iterator[tuple[Project, Workers]]:
    """Workers whose server has a second thread, as it loaded what the first job had needed."""
    with Workers(project.folder) as workers:
        for name in ("first", "second"):
            workers.start(python_job(project, name, "stages.facts", "0", SAID="yes"))
            assert ended(workers) == (name, 0, int(name != "first"))
        yield project, workers


def test_where_there_is_a_second_thread_a_stage_gets_a_process_that_is_no_fork(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "always::DeprecationWarning")
    forks = watch_forks(project)
    found = []
    with Workers(project.folder) as workers:
        for name in ("first", "second", "third"):
            workers.start(python_job(project, name, "stages.facts", "3", SAID=name))
            assert ended(workers) == (name, 3, int(name != "first"))
            assert (project.folder / f"{name}.log").read_text() == "printed\n"
            found.append(json.loads((project.folder / name).read_text()))
    assert len(forks.read_text().splitlines()) == 1
    assert "fork" not in capfd.readouterr().err
    root, server = str(project.folder), found[0][-1]
    assert found == [
        ["__main__", f"{root}/{name}", "3", root, name, "", True, server] for name in ("first", "second", "third")
    ]
    assert not list(project.folder.glob("*.job"))


def test_other_commands_beside_a_second_thread_run_as_ever(threaded: tuple[Project, Workers]) -> None:
    project, workers = threaded
    log = project.folder / "shell.log"
    lines = [["/bin/sh", "-c", line] for line in ("echo $SAID", "exit 4", "echo never")]
    workers.start(Job("shell", lines, str(project.folder), {"SAID": "hello"}, str(log)))
    assert ended(workers) == ("shell", 4, 1)
    assert log.read_text() == "hello\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_signals_reach_a_process_that_is_no_fork(threaded: tuple[Project, Workers], number: signal.Signals) -> None:
    project, workers = threaded
    alive = project.folder / "out.alive"
    workers.start(python_job(project, "out", "stages.toy", "--wait", "600", "--journal"))
    until(alive.exists)
    workers.signal(number)
    assert ended(workers) == ("out", -number, 1)


def test_a_process_that_is_no_fork_ends_with_its_server(threaded: tuple[Project, Workers]) -> None:
    project, workers = threaded
    alive = project.folder / "out.alive"
    workers.start(python_job(project, "out", "stages.toy", "--wait", "600", "--journal"))
    until(alive.exists)
    server = json.loads((project.folder / "first").read_text())[-1]
    child = int(alive.read_text().split()[0])
    os.kill(server, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes())


def test_a_run_says_once_that_a_thread_makes_it_slow(tmp_path: Path) -> None:
    project = make_graph(tmp_path / "project", {f"s{n}": toy(f"out/s{n}") for n in range(4)} | {"sh": shell("out/sh")})
    words = (project.folder / "stages/toywords.py").read_text()
    (project.folder / "stages/toywords.py").write_text(STARTS_A_THREAD + words)
    out = project.diziner("repro", "-j", "1").stdout
    assert len(re.findall(r"^note      the process that starts stages has threads \(.+\): ", out, re.MULTILINE)) == 1
    assert ": 5 ran" in out
    assert [(project.folder / f"out/s{n}").read_text() for n in range(4)] == [f"made out/s{n}\n" for n in range(4)]


# What a stage can see of OpenBLAS: threads of each copy of it, of the process once they worked, and the last bits.
BLAS = """
import hashlib, json, os, sys
from pathlib import Path
loaded = "scipy.linalg" in sys.modules
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
square = numpy.random.default_rng(1).random((700, 700))
made = [square @ square, scipy.linalg.lu(square)[2]]
facts = {
    "threads": sorted((pool["prefix"], pool["num_threads"]) for pool in threadpool_info()),
    "tasks": len(os.listdir("/proc/self/task")),
    "bits": [hashlib.sha256(array.tobytes()).hexdigest() for array in made],
    "variables": sorted(item for item in os.environ.items() if "THREADS" in item[0] or "MALLOC" in item[0]),
}
Path(sys.argv[1]).write_text(json.dumps([loaded, facts]))
"""


VARIABLES: list[dict[str, str]] = [
    {},
    {"OMP_NUM_THREADS": "1"},
    {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "narenas:2"},
]


@pytest.mark.parametrize("variables", VARIABLES, ids=["none", "one", "two"])
def test_a_fork_has_the_threads_and_bits_of_a_process_that_loads_openblas_itself(
    project: Project, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    project.stage("blas", str(project.folder / "fresh"))
    with Workers(project.folder) as workers:
        for name in ("first", "second", "third"):
            workers.start(python_job(project, name, "stages.blas"))
            assert ended(workers) == (name, 0, 0)
    fresh, *forks = [json.loads((project.folder / name).read_text()) for name in ("fresh", "first", "second", "third")]
    assert [loaded for loaded, _ in forks] == [False, True, True]
    assert all(facts == fresh[1] for _, facts in forks)
