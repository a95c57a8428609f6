"""`diziner repro` as people use it: real processes, failures, stops, kills, edits while it runs."""

from __future__ import annotations

import os
import pty
import random
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project
from repro_projects import journal, locks, make_graph, shell, toy

from diziner.repro.failures import failures_at

REPRO = (".venv/bin/python", "-m", "diziner", "repro")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Project]:
    return lambda stages: make_graph(tmp_path / "project", stages)


def begin(project: Project, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*REPRO, *words],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"},
    )


def until(holds: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "waited too long"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def alive(project: Project) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in project.folder.glob("out/*.alive")}


def quiet(project: Project) -> None:
    """Nothing that the run had started goes on writing."""
    time.sleep(0.3)
    before = alive(project)
    time.sleep(0.3)
    assert alive(project) == before


def locked(project: Project) -> set[str]:
    return set(locks(project).get("dvc.lock", {"stages": {}})["stages"])


def test_again_reaches_every_stage_and_only_that_run(make: Callable[..., Project]) -> None:
    told = "mkdir -p out && echo again=$DIZINER_AGAIN > out/told"
    project = make({"told": shell("out/told", command=told)})
    project.diziner("repro", "--again")
    assert (project.folder / "out/told").read_text() == "again=1\n"
    project.diziner("repro", "--force")
    assert (project.folder / "out/told").read_text() == "again=\n"


def test_stages_run_at_once_and_after_what_they_need(make: Callable[..., Project]) -> None:
    stages = {f"s{n}": toy(f"out/s{n}", options="--wait 1 --journal") for n in range(4)}
    project = make({**stages, "end": toy("out/end", *(f"out/s{n}" for n in range(4)))})
    out = project.diziner("repro", "-j", "4").stdout
    spans = []
    for path in project.folder.glob("out/*.alive"):
        times = [float(line.split()[1]) for line in path.read_text().splitlines()]
        spans.append((times[0], times[-1]))
    assert len(spans) == 4
    assert max(first for first, _ in spans) < min(last for _, last in spans)
    assert (project.folder / "out/end").read_text().split("\n")[1:5] == [f"made out/s{n}" for n in range(4)]
    assert out.index("finished  s3") < out.index("started   end")
    assert "5 stages in " in out
    assert ": 5 ran" in out
    assert project.diziner("repro").stdout == "up to date: 5 stages unchanged\n"


@pytest.mark.parametrize(("given", "passed_on"), [(2, 2), (3, 3), (1, 1), (7, 1)])
def test_a_failed_stage_passes_its_exit_code_on_and_shows_its_last_lines(
    make: Callable[..., Project], given: int, passed_on: int
) -> None:
    project = make({"a": toy("out/a", options=f"--code {given} --say because"), "b": toy("out/b", "out/a")})
    done = project.diziner("repro", "-j", "2", check=False)
    assert done.returncode == passed_on
    assert f"failed    a: failed with exit code {given}\n    because\n" in done.stdout
    assert done.stderr == f"error: a: failed with exit code {given}; its output: .dvc/tmp/diziner/a.log\n"
    assert (project.folder / ".dvc/tmp/diziner/a.log").read_text() == "because"
    assert "1 failed, 1 not begun" in done.stdout


def test_after_a_failure_nothing_starts_but_what_runs_is_kept(make: Callable[..., Project]) -> None:
    bad = toy("out/bad", options="--code 1")
    project = make({"bad": bad, "slow": toy("out/slow", options="--wait 1"), "z": toy("out/z", "out/slow")})
    done = project.diziner_here("repro", "-j", "2", check=False)
    assert done.returncode == 1
    assert "finished  slow" in done.stdout
    assert "started   z" not in done.stdout
    assert locked(project) == {"slow"}


def test_keep_going_runs_all_that_does_not_follow_from_the_failure(make: Callable[..., Project]) -> None:
    stages = {"bad": toy("out/bad", options="--code 3"), "after": toy("out/after", "out/bad")}
    project = make({**stages, "c": toy("out/c"), "d": toy("out/d", "out/c")})
    done = project.diziner_here("repro", "-j", "2", "--keep-going", check=False)
    assert done.returncode == 3
    assert "skipped   after" in done.stdout
    assert locked(project) == {"c", "d"}
    # What failed is known afterwards, until a run decides it anew.
    assert failures_at(project.folder).failed == {"bad": "failed with exit code 3"}
    project.diziner_here("repro", "dvc.yaml:d")
    assert failures_at(project.folder).failed
    pipeline = project.folder / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("--code 3", "--code 0"))
    project.diziner_here("repro")
    assert not failures_at(project.folder).failed


def test_a_stage_that_makes_no_output_has_failed(make: Callable[..., Project]) -> None:
    project = make({"a": {"cmd": "echo said", "outs": ["out/a"]}, "b": toy("out/b", "missing.txt")})
    done = project.diziner_here("repro", "-k", "-j", "1", check=False)
    assert "failed    a: output 'out/a' does not exist\n    said\n" in done.stdout
    assert "failed    b: missing.txt: No such file or directory\n" in done.stdout
    assert locked(project) == set()


def test_a_stage_killed_by_a_signal_is_named_so(make: Callable[..., Project]) -> None:
    project = make({"a": {"cmd": "kill -SEGV $$", "outs": ["out/a"]}})
    done = project.diziner_here("repro", check=False)
    assert done.returncode == 1
    assert "failed    a: ended by SIGSEGV" in done.stdout


@pytest.mark.parametrize("target", ["nothing", "data/x/dvc.yaml", "dvc.yaml:none"])
def test_an_unknown_target_is_one_line(make: Callable[..., Project], target: str) -> None:
    done = make({"a": toy("out/a")}).diziner_here("repro", target, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "a target is a benchmark, a dvc.yaml, or a stage" in done.stderr


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("dvc.yaml", "stages: {a: {cmd: true", "dvc.yaml"),
        ("dvc.yaml", "stages: {a: {command: 'true'}}", "dvc.yaml"),
        ("dvc.lock", "schema: '2.0'\nstages:\n  a:\n  cmd", "dvc.lock"),
        (
            "dvc.yaml",
            "stages: {a: {cmd: x, deps: [b], outs: [c]}, b: {cmd: x, deps: [c], outs: [b]}}",
            "both a dependency and an output",
        ),
        ("dvc.yaml", "vars: [none.yaml]\nstages: {a: {cmd: x}}", "none.yaml"),
    ],
)
def test_rubbish_in_pipeline_files_is_one_line(make: Callable[..., Project], file: str, text: str, said: str) -> None:
    project = make({"a": toy("out/a")})
    (project.folder / file).write_text(text)
    done = project.diziner_here("repro", check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert (project.folder / file).read_text() == text


def test_code_edited_while_it_runs_is_never_run_stale(make: Callable[..., Project]) -> None:
    project = make({"a": toy("out/a", options="--wait 1.5"), "b": toy("out/b", "out/a")})
    process = begin(project, "-j", "2")
    until((project.folder / "journal").exists, process)
    (project.folder / "stages/toywords.py").write_text('WORD = "edited"\n')
    assert process.wait(60) == 0
    assert (project.folder / "out/a").read_text() == "made out/a\n"
    assert (project.folder / "out/b").read_text().startswith("edited out/b\n")
    # `a` was made by the code before the edit and says so: it is the one to run again.
    assert "run       a\nmay run   b\n" in project.diziner("repro", "--dry").stdout
    project.diziner("repro")
    assert (project.folder / "out/a").read_text() == "edited out/a\n"


def test_a_stage_script_runs_as_a_process_of_its_own_would(make: Callable[..., Project]) -> None:
    script = """
import os, sys, atexit
from pathlib import Path
Path("out").mkdir(exist_ok=True)
facts = [__name__, *sys.argv[1:], os.environ["DVC_STAGE"], os.environ["DVC_ROOT"], os.getcwd()]
atexit.register(lambda: Path("out/a").write_text("|".join(facts)))
print("printed", flush=False)
assert sys.stdin.read() == ""
raise SystemExit(None)
"""
    project = make({"a": {"cmd": "sh stages/run facts x --y", "deps": ["stages/facts.py"], "outs": ["out/a"]}})
    (project.folder / "stages/facts.py").write_text(script)
    project.diziner_here("repro")
    facts = (project.folder / "out/a").read_text().split("|")
    root = str(project.folder)
    assert facts == ["__main__", "x", "--y", "a", root, root]
    assert (project.folder / ".dvc/tmp/diziner/a.log").read_text() == "printed\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_finished_work_kept(
    make: Callable[..., Project], number: signal.Signals, code: int
) -> None:
    endless = "mkdir -p out; while true; do date >> out/sh.alive; sleep 0.02; done"
    stages = {"a": toy("out/a"), "slow": toy("out/slow", options="--wait 600 --journal")}
    project = make({**stages, "sh": {"cmd": endless, "outs": ["out/sh"]}, "b": toy("out/b", "out/slow")})
    process = begin(project, "-j", "3")
    until(lambda: len(alive(project)) == 2 and "a" in locked(project), process)
    process.send_signal(number)
    process.send_signal(number)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == code
    assert "stopped   slow" in out
    assert "1 ran, 2 stopped, 1 not begun" in out
    assert "run the same command again" in out
    assert locked(project) == {"a"}
    quiet(project)
    journal(project)
    second = begin(project, "-j", "3")
    until((project.folder / "journal").exists, second)
    second.send_signal(number)
    second.send_signal(number)
    second.wait(60)
    assert journal(project) == ["out/slow"]


def test_commands_that_end_soon_after_the_signal_are_kept(make: Callable[..., Project]) -> None:
    project = make({"a": toy("out/a", options="--wait 1"), "b": toy("out/b", "out/a")})
    process = begin(project)
    until((project.folder / "journal").exists, process)
    process.send_signal(signal.SIGTERM)
    assert "finished  a" in process.communicate(timeout=60)[0]
    assert process.returncode == 143
    assert locked(project) == {"a"}


def test_killed_at_random_moments_locks_stay_whole_and_work_is_not_done_twice(make: Callable[..., Project]) -> None:
    stages = {f"s{n:02}": toy(f"out/s{n:02}", options="--wait 0.15 --journal") for n in range(12)}
    project = make({**stages, "end": toy("out/end", *(f"out/s{n:02}" for n in range(12)))})
    moments = random.Random(5)
    runs: list[str] = []
    for _ in range(3):
        process = begin(project, "-j", "2")
        until((project.folder / "journal").exists, process)
        time.sleep(moments.uniform(0.0, 0.6))
        process.kill()
        process.wait()
        locks(project)
        quiet(project)
        runs += journal(project)
    project.diziner_here("repro", "-j", "2")
    runs += journal(project)
    # Two stages at once: a kill costs those two, and none that was finished before.
    assert len(runs) - len(set(runs)) <= 3 * 2
    assert len(set(runs)) == 13
    assert locked(project) == {*stages, "end"}
    assert "up to date" in project.dvc("status").stdout


def test_a_lost_server_ends_the_run_in_one_line(make: Callable[..., Project]) -> None:
    project = make({"a": toy("out/a", options="--wait 600 --journal")})
    process = begin(project)
    until(lambda: alive(project), process)
    child = int((project.folder / "out/a.alive").read_text().split()[0])
    server = int(re.findall(r"^PPid:\s+(\d+)", Path(f"/proc/{child}/status").read_text(), re.MULTILINE)[0])
    os.kill(server, signal.SIGKILL)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert out.endswith("error: the process that runs the stages is gone; run the same command again\n")
    quiet(project)


def test_one_run_at_a_time_beside_stock_dvc_too(make: Callable[..., Project]) -> None:
    project = make({"a": toy("out/a", options="--until go --journal")})
    ours = begin(project)
    until(lambda: alive(project), ours)
    done = project.diziner("repro", check=False)
    assert done.returncode == 2
    assert "another DVC command is at work here" in done.stderr
    ours.kill()
    ours.wait()
    (project.folder / "out/a.alive").unlink()
    words = [".venv/bin/dvc", "repro"]
    stock = subprocess.Popen(words, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until(lambda: alive(project), stock)
    done = project.diziner("repro", check=False)
    assert done.returncode == 2
    assert "another DVC command is at work here" in done.stderr
    (project.folder / "go").touch()
    assert stock.wait(60) == 0


def test_on_a_terminal_the_table_is_live_and_failures_stay(make: Callable[..., Project]) -> None:
    project = make({"a": toy("out/a", options="--wait 1"), "bad": toy("out/bad", options="--code 2 --say because")})
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "DVC_NO_ANALYTICS": "1"}
    process = subprocess.Popen(
        [*REPRO, "-j", "2"], cwd=project.folder, stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    shown = b""
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.1)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
    os.close(master)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert process.wait() == 2
    assert "benchmark" in text
    assert "of 2 stages" in text
    assert "because" in text
    assert "error: bad: failed with exit code 2" in text


def test_stages_that_need_a_shell_get_one(make: Callable[..., Project]) -> None:
    shells = {
        "pipe": "sh stages/run toy out/x > /dev/null && cp out/x out/pipe",
        "plain": "mkdir -p out && echo $((1+1)) > out/plain",
    }
    project = make({name: {"cmd": command, "outs": [f"out/{name}"]} for name, command in shells.items()})
    project.diziner_here("repro")
    assert (project.folder / "out/pipe").read_text() == "made out/x\n"
    assert (project.folder / "out/plain").read_text() == "2\n"


def test_the_projects_own_stages_come_out_as_from_processes_of_their_own(
    copy_reproduced: Callable[..., Project], tmp_path: Path
) -> None:
    project = copy_reproduced(tmp_path / "project", "conll2003")
    assert "Data and pipelines are up to date." in project.dvc("repro").stdout
    before = project.outputs()
    kept = ["corpus/test.jsonl", "rounds/r1/annotations/scripted_shy.jsonl", "rounds/r1/tokens.parquet"]
    for name in kept:
        (project.folder / "data/conll2003" / name).unlink()
    project.stage("corpus", "conll2003")
    project.stage("annotate", "conll2003", "--annotator", "scripted_shy", "--round", "1")
    project.stage("disagree", "conll2003", "--round", "1")
    assert project.outputs() == before
