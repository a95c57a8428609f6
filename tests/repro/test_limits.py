"""Limits that stages keep together: calls in flight, pace, one local model. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diziner.endpoints import Endpoint
from diziner.llm.lane import Lane
from diziner.llm.pacing import Pacer
from diziner.llm.shared_limits import Places, SharedPacer, pacer, places

# Calls over a lane; each notes when it is in flight and when it was made, by the machine's clock.
CALLS = """
import asyncio, sys, time
from pathlib import Path
from diziner.llm.budget import Budget
from diziner.endpoints import Endpoint
from diziner.prompting.request import Message, ModelSettings, Request, Response
from diziner.llm.lane import Lane, run
from diziner.llm.store import ResponseStore

folder, name, count, concurrency, rpm = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
log = (folder / name).open("a", buffering=1)

async def send(request):
    start = time.monotonic()
    await asyncio.sleep(0.05)
    log.write(f"{start} {time.monotonic()}\\n")
    return Response("yes", "stop", "m", "fp", 10, 10)

endpoint = Endpoint("web", "hosted", concurrency=concurrency, rpm=float(rpm) or None)
store = ResponseStore(folder / "store.sqlite")
hello = (Message("user", name),)
asked = [Request("web", ModelSettings("web", "m", seed=n, max_tokens=20), hello) for n in range(count)]
budget = Budget(store, endpoint, asked[0], name, None, [])
run(Lane(endpoint).call_all(asked, send, budget, lambda request, outcome: None))
"""


def start(folder: Path, name: str, *numbers: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", CALLS, str(folder), name, *map(str, numbers)]
    return subprocess.Popen(words, env={**os.environ, "DIZINER_TURNS": str(folder)})


def calls(folder: Path, *names: str) -> list[tuple[float, float]]:
    rows = [line.split() for name in names for line in (folder / name).read_text().splitlines()]
    return sorted((float(begin), float(end)) for begin, end in rows)


def test_processes_together_stay_within_the_calls_in_flight(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    for process in [start(tmp_path, name, 12, 2, 0) for name in names]:
        assert process.wait(60) == 0
    made = calls(tmp_path, *names)
    assert len(made) == 36
    most = max(sum(begin <= moment < end for begin, end in made) for moment, _ in made)
    assert most == 2


def test_processes_together_stay_within_the_requests_a_minute(tmp_path: Path) -> None:
    for process in [start(tmp_path, name, 8, 8, 1200) for name in ("a", "b")]:
        assert process.wait(60) == 0
    begins = [begin for begin, _ in calls(tmp_path, "a", "b")]
    # 1,200 a minute is one every 0.05 s: 16 of them take at least 15 such steps.
    assert begins[-1] - begins[0] >= 15 * 0.05 * 0.95
    assert all(later - early >= 0.9 * 4 * 0.05 for early, later in zip(begins, begins[5:], strict=False))


def test_a_killed_process_gives_its_places_back(tmp_path: Path) -> None:
    process = start(tmp_path, "a", 10_000, 2, 0)
    while not (tmp_path / "a").exists() or not (tmp_path / "a").read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert start(tmp_path, "b", 4, 2, 0).wait(30) == 0


def test_alone_a_lane_keeps_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIZINER_TURNS", raising=False)
    monkeypatch.chdir(tmp_path)
    Lane(Endpoint("web", "hosted", concurrency=3, rpm=60))
    assert type(pacer("web.rpm", 60.0)) is Pacer
    assert pacer("web.rpm", None) is None
    assert places("web", 3) is None
    assert list(tmp_path.iterdir()) == []


def test_a_shared_pacer_books_as_one_pacer_does(tmp_path: Path) -> None:
    one = Pacer(60.0)
    shared = [SharedPacer(tmp_path / "pace", 60.0) for _ in range(2)]
    for number, now in enumerate((5.0, 5.0, 5.5, 30.0, 30.0, 31.0)):
        assert shared[number % 2].book(1.0, now) == pytest.approx(one.book(1.0, now))
        shared[(number + 1) % 2].correct(-0.25)
        one.correct(-0.25)
    (tmp_path / "pace").write_bytes(b"cut")
    assert shared[0].book(1.0, 40.0) == 0.0


def test_names_of_endpoints_make_files_in_the_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIZINER_TURNS", str(tmp_path))
    assert isinstance(places("../odd/name", 1), Places)
    assert isinstance(pacer("../odd/name", 1.0), SharedPacer)
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))
    assert len(list(tmp_path.iterdir())) == 2


TURN = """
import sys, time
from pathlib import Path
from diziner.endpoints.machine_turn import machine_turn
machine_turn(Path(sys.argv[1]) / "deep" / "lock")
machine_turn(Path(sys.argv[1]) / "deep" / "lock")
print("in", flush=True)
time.sleep(float(sys.argv[2]))
print("out", flush=True)
"""


def test_local_models_wait_for_each_other_and_for_no_dead_one(tmp_path: Path) -> None:
    def begin(seconds: float) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", TURN, str(tmp_path), str(seconds)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    first = begin(3600)
    assert first.stdout
    assert first.stdout.readline() == "in\n"
    second = begin(0)
    assert second.stderr
    assert second.stdout
    assert second.stderr.readline() == "waiting: another process is running a local model\n"
    assert second.poll() is None
    first.kill()
    first.wait()
    assert second.stdout.read() == "in\nout\n"
    assert second.wait() == 0
