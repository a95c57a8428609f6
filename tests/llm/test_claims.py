"""Claims: runs on the same texts pay for an answer once, also where some are killed; each counts its own spending."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from virtual_time import run_virtually

from diziner.endpoints import Endpoint
from diziner.llm import claims
from diziner.llm.batches import tag_of
from diziner.llm.budget import Budget
from diziner.llm.claimed import Claimed
from diziner.llm.claims import Claimant
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Reply, Request, Response

REQUESTS, IN_FLIGHT = 240, 8

# Each call is written down before it is answered, as a provider's bill would.
RUN = """
import asyncio, os, sys, time
from pathlib import Path
from diziner.endpoints import Endpoint
from diziner.llm import lane
from diziner.llm.ask import StoreAsker
from diziner.llm.budget import Budget
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request, Response

folder, name, count, in_flight = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
latency_s = float(sys.argv[5])
bill = os.open(folder / "bill", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def send(request):
    os.write(bill, f"{name} {request.settings.seed}\\n".encode())
    await asyncio.sleep(latency_s)
    return Response(f"answer {request.settings.seed}", "stop", "m", "fp", 10, 10)

endpoint = Endpoint("here", "hosted", concurrency=in_flight, prices={"m": {"input": 10.0, "output": 100.0}})
store = ResponseStore(folder / "store.sqlite")
hello = (Message("user", "Hi"),)
asked = [Request("here", ModelSettings("here", "m", seed=n, max_tokens=20), hello) for n in range(count)]
answers, paid = {}, []
budget = Budget(store, endpoint, asked[0], "work", None, [], paid.append)
(folder / f"ready.{name}").touch()
while not (folder / "go").exists():
    time.sleep(0.005)
def received(request, outcome):
    answers[request.key] = outcome
lane.run(lane.Lane(endpoint).call_all(asked, send, budget, received))
(folder / f"out.{name}").write_text("\\n".join(answers[request.key].text for request in asked))
(folder / f"paid.{name}").write_text(f"{len(paid)} {sum(paid)} {len(budget.paid_elsewhere)}")
"""


def start(folder: Path, names: str, latency_s: float) -> dict[str, subprocess.Popen[bytes]]:
    """Processes that begin to ask at the same moment."""
    more = [str(REQUESTS), str(IN_FLIGHT), str(latency_s)]
    runs = {name: subprocess.Popen([sys.executable, "-c", RUN, str(folder), name, *more]) for name in names}
    while not all((folder / f"ready.{name}").exists() for name in names):
        time.sleep(0.01)
    (folder / "go").touch()
    return runs


def billed(folder: Path) -> list[list[str]]:
    path = folder / "bill"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def test_two_runs_on_the_same_texts_pay_once_and_each_counts_its_own(tmp_path: Path) -> None:
    runs = start(tmp_path, "ab", 0.06)
    assert [run.wait(60) for run in runs.values()] == [0, 0]
    calls = billed(tmp_path)
    assert Counter(number for _, number in calls) == {str(n): 1 for n in range(REQUESTS)}
    by = Counter(name for name, _ in calls)
    assert set(by) == {"a", "b"}  # they share the work
    assert (tmp_path / "out.a").read_text() == (tmp_path / "out.b").read_text()
    for name in "ab":
        number, nano, elsewhere = map(int, (tmp_path / f"paid.{name}").read_text().split())
        assert (number, nano) == (by[name], by[name] * 1_100_000)
        assert number + elsewhere == REQUESTS
    store = ResponseStore(tmp_path / "store.sqlite")
    assert store.read(lambda c: c.execute("SELECT count(*) FROM claims").fetchone()) == (0,)
    assert not list((tmp_path / "store.sqlite.claims").iterdir())


def test_three_of_four_runs_are_killed_and_the_last_pays_again_for_what_was_in_flight_only(tmp_path: Path) -> None:
    moments = random.Random(3)
    runs = start(tmp_path, "abcd", 0.2)
    for name in "abc":
        time.sleep(moments.uniform(0.1, 0.4))
        os.kill(runs[name].pid, signal.SIGKILL)
        assert runs[name].wait(10) == -signal.SIGKILL, "killed in the midst of it"
    assert runs["d"].wait(60) == 0
    calls = billed(tmp_path)
    times = Counter(number for _, number in calls)
    assert set(times) == {str(n) for n in range(REQUESTS)}
    assert len(calls) - REQUESTS <= 3 * IN_FLIGHT
    # Nobody asked for what another of the living had under way: twice means that the first was killed.
    for number, count in times.items():
        if count > 1:
            first, *_ = [name for name, asked in calls if asked == number]
            assert first != "d"
    assert ResponseStore(tmp_path / "store.sqlite").verify() == REQUESTS


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    store = ResponseStore(tmp_path / "store.sqlite")
    store.put_rows([])
    store.close()
    return sqlite3.connect(store.path, isolation_level=None)


def test_a_claim_holds_while_its_owner_lives(tmp_path: Path, connection: sqlite3.Connection) -> None:
    mine, other = Claimant(tmp_path / "claims"), Claimant(tmp_path / "claims")
    assert mine.claim(connection, "k") and mine.claim(connection, "k")
    assert not other.claim(connection, "k")
    assert other.claim(connection, "l")
    other.let_go(connection, "k")  # not its own
    assert not other.claim(connection, "k")
    mine.end()
    assert other.claim(connection, "k")
    assert not mine.claim(connection, "k")


@pytest.mark.parametrize(
    ("host", "boot", "age_s", "free"),
    [
        ("here", "now", 0.0, True),  # nobody holds its file
        ("here", "before", 0.0, True),  # the machine was started anew
        ("there", "now", 0.0, True),  # another container of this machine
        ("there", "then", 60.0, False),  # another machine, lately
        ("there", "then", 4000.0, True),
    ],
)
def test_claims_of_others_lapse(
    tmp_path: Path,
    connection: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    boot: str,
    age_s: float,
    free: bool,
) -> None:
    monkeypatch.setattr(claims, "here", lambda: ("here", "now"))
    connection.execute("INSERT INTO claims VALUES ('k', 'gone', ?, ?, ?)", (host, boot, time.time() - age_s))
    assert Claimant(tmp_path / "claims").claim(connection, "k") is free


def test_files_of_the_dead_are_cleared_away(tmp_path: Path, connection: sqlite3.Connection) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "dead").touch()
    living = Claimant(tmp_path / "claims")
    living.claim(connection, "k")
    with closing(connection):
        Claimant(tmp_path / "claims").claim(connection, "l")
    assert not (tmp_path / "claims" / "dead").exists()
    assert not Claimant(tmp_path / "claims").claim(sqlite3.connect(tmp_path / "store.sqlite"), "k")


def test_a_request_is_paid_for_by_who_claims_it_and_elsewhere_only_once_it_is_answered(tmp_path: Path) -> None:
    endpoint = Endpoint("here", "hosted")
    asked = Request("here", ModelSettings("here", "m"), (Message("user", "Hi"),))
    answer = Response("x", "stop", "m", "fp", 10, 10)
    stores = [ResponseStore(tmp_path / "store.sqlite") for _ in range(2)]

    async def both() -> None:
        one, other = (Budget(store, endpoint, asked, "work", None, []) for store in stores)
        assert await one.claim(asked) is True
        assert await other.claim(asked) is False and other.paid_elsewhere == set()
        assert await one.claim(asked) is True, "its own claim"
        await one.keep(asked, answer, None)
        assert await other.claim(asked) == answer and other.paid_elsewhere == {asked.key}
        assert one.paid_elsewhere == set()
        await one.drain()
        await other.drain()

    asyncio.run(both())
    for store in stores:
        store.close()


def test_a_claim_that_is_let_go_is_free_for_others(tmp_path: Path) -> None:
    endpoint = Endpoint("here", "hosted")
    asked = Request("here", ModelSettings("here", "m"), (Message("user", "Hi"),))
    stores = [ResponseStore(tmp_path / "store.sqlite") for _ in range(2)]

    async def both() -> None:
        one, other = (Budget(store, endpoint, asked, "work", None, []) for store in stores)
        await one.claim(asked)
        await other.let_go(asked)
        assert await other.claim(asked) is False, "it was not its own to let go"
        await one.let_go(asked)
        assert await other.claim(asked) is True
        assert await one.claim(asked) is False
        await other.drain()
        assert await one.claim(asked) is True
        await one.drain()

    asyncio.run(both())
    for store in stores:
        store.close()


class Elsewhere:
    """A budget whose requests another run has claimed, each for so many times of asking."""

    def __init__(self, refusals: int) -> None:
        self.left = refusals
        self.looked: list[float] = []

    async def claim(self, request: Request) -> Response | bool:
        self.looked.append(round(asyncio.get_running_loop().time(), 6))
        self.left -= 1
        return False if self.left >= 0 else Response("theirs", "stop")


def test_what_another_run_has_claimed_is_looked_at_ever_more_seldom_up_to_once_a_second() -> None:
    asked = Request("here", ModelSettings("here", "m"), (Message("user", "Hi"),))
    budget: Any = Elsewhere(7)
    claimed = Claimed([asked], budget, lambda: False)

    async def taken() -> tuple[Request, Reply | None] | None:
        return await claimed.next()

    assert run_virtually(taken()) == (asked, Response("theirs", "stop"))
    assert budget.looked == [0.0, 0.05, 0.15, 0.35, 0.75, 1.55, 2.55, 3.55]
    assert run_virtually(taken()) is None
    stopped = Claimed([asked], budget, lambda: True)
    assert run_virtually(stopped.next()) is None


def test_a_batch_has_the_same_tag_wherever_the_same_requests_are_sent() -> None:
    digest = hashlib.sha256(b"abc").hexdigest()
    assert tag_of(["c", "a", "b"], 0) == tag_of(["b", "c", "a"], 0) == f"diziner-{digest[:32]}-0"
    assert tag_of(["a", "b", "c"], 1) == f"diziner-{digest[:32]}-1" != tag_of(["a", "b"], 1)
