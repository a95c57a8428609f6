"""kill -9 at random moments: nothing that was kept is asked again, and the end is the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from diziner.llm.ledger import NANO, reserved, spent
from diziner.llm.store import ResponseStore

IN_FLIGHT = 8
REQUESTS = 150
KILLS = 6
# Calls that a run to be killed is answered at most: however late the signal comes, it cannot get to the end.
MOST_ANSWERED = 20

# Each call is written down before it is answered, as a provider's bill would.
RUN = """
import asyncio, os, sys
from pathlib import Path
from diziner.llm.budget import Budget
from diziner.endpoints import Endpoint
from diziner.prompting.request import Message, ModelSettings, Request, Response
from diziner.llm.lane import Lane, run
from diziner.llm.store import ResponseStore

folder, in_flight, count, most = Path(sys.argv[1]), *map(int, sys.argv[2:])
answered = 0
bill = os.open(folder / "bill", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def send(request):
    global answered
    os.write(bill, f"{request.settings.seed}\\n".encode())
    if answered == most:
        await asyncio.Event().wait()
    answered += 1
    await asyncio.sleep(0.01)
    return Response(f"answer {request.settings.seed}", "stop", "m", "fp", 10, 10)

endpoint = Endpoint("here", "hosted", concurrency=in_flight, prices={"m": {"input": 10.0, "output": 100.0}})
store = ResponseStore(folder / "store.sqlite")
hello = (Message("user", "Hi"),)
asked = [Request("here", ModelSettings("here", "m", seed=n, max_tokens=20), hello) for n in range(count)]
found = store.get([request.key for request in asked])
missing = [request for request in asked if request.key not in found]
answers = dict(found)
if missing:
    budget = Budget(store, endpoint, missing[0], "work", 1.0, [])
    def received(request, outcome):
        answers[request.key] = outcome
    run(Lane(endpoint).call_all(missing, send, budget, received))
(folder / "out").write_text("\\n".join(answers[request.key].text for request in asked))
"""


def start(folder: Path, most: int = REQUESTS) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder), str(IN_FLIGHT), str(REQUESTS), str(most)])


def billed(folder: Path) -> list[str]:
    return (folder / "bill").read_text().split() if (folder / "bill").exists() else []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder).wait(120) == 0
    assert len(billed(folder)) == REQUESTS
    return (folder / "out").read_bytes()


def test_killed_at_random_moments_it_ends_the_same_and_repeats_no_more_than_was_in_flight(
    tmp_path: Path, whole: bytes
) -> None:
    moments = random.Random(7)
    store = ResponseStore(tmp_path / "store.sqlite")
    kept: set[str] = set()
    # One at least is killed with more calls behind it than are in flight, so that something is kept.
    killed_after = [1, MOST_ANSWERED, *(moments.randint(1, MOST_ANSWERED) for _ in range(KILLS - 2))]
    for calls in killed_after:
        before = len(billed(tmp_path))
        process = start(tmp_path, MOST_ANSWERED)
        while len(billed(tmp_path)) < before + calls and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 0.02))
        assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        rows = {key for key, _, _ in store.rows()}
        # What was kept before is kept, and all that was billed but what was in flight is kept now.
        assert kept <= rows
        assert len(billed(tmp_path)) - before - len(rows - kept) <= IN_FLIGHT
        kept = rows
    assert 0 < len(kept) < REQUESTS
    assert start(tmp_path).wait(120) == 0
    assert (tmp_path / "out").read_bytes() == whole
    assert set(Counter(billed(tmp_path))) == {str(n) for n in range(REQUESTS)}
    assert store.verify() == REQUESTS
    # The account has every answer, and the calls that were cut off at the most they can have cost.
    total, aside = store.apply([spent, reserved])
    assert total / NANO == pytest.approx(REQUESTS * 0.0011)
    assert (len(billed(tmp_path)) - REQUESTS) * 0.0011 <= aside / NANO <= KILLS * IN_FLIGHT * 0.0023
