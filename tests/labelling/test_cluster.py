"""`diziner label --engine ray` on three machines that share no folder, from S3 to S3, while machines are lost.

The machines are namespaces (tests/ray_machines.py), the storage is moto's server, the models are scripted, with a
server of their own on each machine. Slow: run it with `make test-cluster`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from label_place import Place, content, make_place
from projects import ROOT
from ray_machines import Cluster, Machine, processes, why_not

from diziner.llm import ledger
from diziner.llm.store import ResponseStore

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[cluster]'")
pytest.importorskip("moto", reason="moto is not installed: pip install -e '.[cluster]'")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]

DOCUMENTS, PLACES = 240, 12
S3 = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
}
SHARDS = ("--shard-documents", "20")


class Setting:
    """The cluster, the place on its first machine, and what one process gives there."""

    def __init__(self, cluster: Cluster, place: Place) -> None:
        self.cluster, self.place = cluster, place
        self.first = cluster.machines[0]

    def start(self, source: str, out: str, *more: str, engine: str = "ray") -> subprocess.Popen[bytes]:
        words = ["--guideline", place_word(self.place), "--annotator", "scripted_careful", *SHARDS]
        code = "from diziner.cli import main; main()"
        log = self.place.folder / "label.log"
        return self.first.start(
            *(sys.executable, "-c", code, "label", *words, "--in", source, "--out", out, "--engine", engine, *more),
            log=log,
            **{**S3, "RAY_ADDRESS": self.cluster.address, "PYTHONPATH": str(ROOT)},
        )

    def content(self) -> dict[str, bytes]:
        """What one process makes of the same, from answers that are there."""
        out = self.place.folder / f"local{time.monotonic_ns()}"
        assert self.start("in.jsonl", str(out), engine="local").wait() == 0, self.said()
        return content(out)

    def said(self) -> str:
        return (self.place.folder / "label.log").read_text()

    def bucket(self, code: str) -> str:
        """Run a line with the bucket's file system `s3` on the first machine."""
        settings = [f"{name}={value}" for name, value in S3.items()]
        line = f"import fsspec, json; s3 = fsspec.filesystem('s3'); {code}"
        return self.first.run("env", *settings, sys.executable, "-c", line)

    def far_content(self, out: str) -> dict[str, bytes]:
        code = f"print(json.dumps({{p.split('/')[-1]: s3.cat(p).decode() for p in s3.ls({out!r}) if s3.isfile(p)}}))"
        files = json.loads(self.bucket(code))
        return {name: text.encode() for name, text in files.items() if name[0].isdigit() or name == "manifest.json"}


def place_word(place: Place) -> str:
    return place.words()[1]


def until(condition: Callable[[], bool], running: subprocess.Popen[bytes], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.poll() is None, "it has ended"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("cluster")
    logs = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patch, Cluster(logs, folder, 0.3, ROOT, dashboard=True) as cluster:
        place = make_place(folder, patch)
        place.documents(DOCUMENTS)
        # Whichever machine a worker is on, its models are on it too.
        place.web("http://127.0.0.1:8000/v1", concurrency=PLACES)
        for _ in range(3):
            cluster.add()
        setting = Setting(cluster, place)
        cluster.machines[0].start(
            *(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "5000"), log=logs / "moto.log"
        )
        time.sleep(3)
        setting.bucket("s3.mkdir('team'); s3.put('in.jsonl', 'team/corpus/in.jsonl')")
        yield setting


def kept(setting: Setting) -> tuple[int, int, int]:
    """Answers in the caller's store, calls in its account, money set aside."""
    store = ResponseStore(setting.place.folder / ".responses" / "responses.sqlite")
    calls = sum(entry.calls for entry in store.read(lambda c: [*ledger.entries(c)]))
    return sum(1 for _ in store.rows()), calls, store.read(ledger.reserved)


def left_on(machine: Machine) -> list[str]:
    """Stores of workers that are on a machine's disk."""
    code = "import glob, tempfile; print(*glob.glob(tempfile.gettempdir() + '/diziner-workers-*/*/*'))"
    return machine.run("env", "TMPDIR=/tmp/diziner-machines", sys.executable, "-c", code).split()


def test_machines_and_workers_are_lost_and_nothing_else_is(setting: Setting) -> None:
    cluster = setting.cluster
    lines, figures = setting.place.folder / "progress.jsonl", setting.place.folder / "label.prom"
    more = ["--progress", str(lines), "--metrics", str(figures)]
    run = setting.start("s3://team/corpus", "s3://team/labels", *more)
    second, third = cluster.machines[1:]
    until(lambda: cluster.requests >= 40 and len(processes(third, b"ray::WorkerActor.label")) == 1, run)
    third.lose()
    before = cluster.requests
    until(lambda: cluster.requests >= before + 40 and len(processes(second, b"ray::WorkerActor.label")) == 1, run)
    os.kill(processes(second, b"ray::WorkerActor.label")[0], signal.SIGKILL)
    cluster.add()
    assert run.wait(400) == 0, setting.said()
    # A machine and a worker were lost with at most their share of the calls in flight each.
    assert DOCUMENTS <= cluster.requests <= DOCUMENTS + 2 * PLACES // 3
    assert kept(setting) == (DOCUMENTS, DOCUMENTS, 0)
    asked = cluster.requests
    assert setting.far_content("team/labels") == setting.content()
    assert cluster.requests == asked  # from the caller's store
    assert [left_on(machine) for machine in cluster.machines if machine is not third] == [[], [], []]
    events = [json.loads(line) for line in lines.read_text().splitlines()]
    names = [each["event"] for each in events]
    assert (names[0], names[-1]) == ("begin", "end")
    assert names.count("worker_lost") == 2
    assert names.count("shard") == DOCUMENTS // 20
    assert events[-1]["documents_done"] == events[-1]["documents"] == DOCUMENTS
    assert (
        f'diziner_label_documents_done{{label="conll2003 label, scripted_careful"}} {DOCUMENTS}\n'
        in figures.read_text()
    )
    assert "diziner_label_workers_lost_total" in figures.read_text()


def test_the_command_is_killed_and_given_once_more(setting: Setting) -> None:
    setting.place.params["annotators"]["scripted_careful"]["seed"] = 7  # other requests
    setting.place.save()
    cluster, out = setting.cluster, "s3://team/again"
    before = cluster.requests
    run = setting.start("s3://team/corpus/in.jsonl", out)
    until(lambda: cluster.requests >= before + 100, run)
    for process in processes(setting.first, sys.executable.encode()):
        title = Path(f"/proc/{process}/cmdline").read_bytes()
        if b"label\0--guideline" in title:
            os.kill(process, signal.SIGKILL)
    run.wait()
    until_quiet(cluster)
    assert setting.start("s3://team/corpus/in.jsonl", out).wait(400) == 0, setting.said()
    assert DOCUMENTS <= cluster.requests - before <= DOCUMENTS + PLACES
    assert setting.far_content("team/again") == setting.content()
    assert setting.start("s3://team/corpus/in.jsonl", out).wait(400) == 0
    assert cluster.requests - before <= DOCUMENTS + PLACES


def until_quiet(cluster: Cluster) -> None:
    """Wait until the killed command's workers are gone, and ask no more."""
    last = -1
    while last != cluster.requests:
        last = cluster.requests
        time.sleep(3)


def test_a_job_that_is_handed_in_labels(setting: Setting) -> None:
    inner = [
        *(sys.executable, "-m", "diziner", "label", "--guideline", place_word(setting.place)),
        *("--annotator", "scripted_careful", "--in", "in.jsonl", "--out", "s3://team/job", "--engine", "ray"),
        *(*SHARDS, "--params", "params.yaml"),
    ]
    work = setting.place.folder / "job"
    work.mkdir()
    for name in ("in.jsonl", "params.yaml"):
        (work / name).write_bytes((setting.place.folder / name).read_bytes())
    runtime = {"env_vars": S3, "py_modules": [str(ROOT / "diziner")]}
    ray = str(Path(sys.executable).parent / "ray")
    words = [ray, "job", "submit", "--address=http://127.0.0.1:8265", f"--working-dir={work}"]
    words += [f"--runtime-env-json={json.dumps(runtime)}", "--", *inner]
    assert setting.first.start(*words, log=setting.place.folder / "job.log").wait(300) == 0, (
        setting.place.folder / "job.log"
    ).read_text()
    found = json.loads(setting.bucket("print(json.dumps(s3.find('team/job')))"))
    assert sum(name.endswith(".jsonl") for name in found) == DOCUMENTS // 20


def test_a_token_that_is_another_is_told_in_one_line(setting: Setting) -> None:
    words = ["label", *setting.place.words(out=setting.place.folder / "never"), "--engine", "ray"]
    code = "from diziner.cli import main; main()"
    log = setting.place.folder / "token.log"
    more = {"RAY_ADDRESS": setting.cluster.address, "RAY_AUTH_TOKEN": "x" * 64, "PYTHONPATH": str(ROOT)}
    assert setting.first.start(sys.executable, "-c", code, *words, log=log, **more).wait(120) == 2
    errors = [line for line in log.read_text().splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "RAY_ADDRESS=10.77.0.1:6379: no cluster can be joined" in errors[0]
