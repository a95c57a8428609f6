"""Stores of workers: everything is in the caller's store before a worker goes on, booked once, whatever is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.labelling.answer_server import AnswerServer, Item
from diziner.labelling.worker_store import WorkerStore, deliver_leftovers
from diziner.llm import lane, ledger
from diziner.llm.ask import StoreAsker
from diziner.llm.budget import Budget, BudgetError
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Reply, Request, Response

ENDPOINT = Endpoint("here", "hosted", concurrency=4, prices={"m": {"input": 10.0, "output": 100.0}})
HELLO = (Message("user", "Hi"),)
REQUESTS = [Request("here", ModelSettings("here", "m", seed=n, max_tokens=20), HELLO) for n in range(40)]


def answer_to(request: Request) -> Response:
    return Response(f"answer {request.settings.seed}", "stop", "m", "fp", 10, 10)


class LineCutError(UserError):
    """The connection to the caller is gone."""


class Line(AnswerServer):
    """A server that can be cut off: before something arrives, or before its receipt does."""

    before = after = False

    def deliver(self, origin: str, items: Sequence[Item], given_up: Any = (), under_way: int = 0) -> None:
        if self.before:
            raise LineCutError
        super().deliver(origin, items, given_up, under_way)
        if self.after:
            raise LineCutError


@pytest.fixture
def server(tmp_path: Path) -> Line:
    return Line(StoreAsker(ResponseStore(tmp_path / "caller.sqlite"), {"here": ENDPOINT}), "work")


def asked(
    store: ResponseStore, requests: Sequence[Request], sent: list[int], limit: float | None = None
) -> list[Reply]:
    """Ask for requests as a worker does, noting each call."""

    async def send(request: Request) -> Response:
        sent.append(request.settings.seed or 0)
        return answer_to(request)

    found: dict[str, Any] = dict(store.get([request.key for request in requests]))
    missing = [request for request in requests if request.key not in found]
    if missing:
        budget = Budget(store, ENDPOINT, missing[0], "work", limit, [])

        def received(request: Request, outcome: Any) -> None:
            found[request.key] = outcome

        lane.run(lane.Lane(ENDPOINT).call_all(missing, send, budget, received))
    return [found[request.key] for request in requests]


def caller(tmp_path: Path) -> tuple[int, int, int]:
    """Replies, billionths of dollars spent, and what is set aside, in the caller's store."""
    store = ResponseStore(tmp_path / "caller.sqlite")
    return len(list(store.rows())), *store.read(store.standing)


EACH = ledger.nano((10 * 10.0 + 10 * 100.0) / 1e6)


def test_workers_pay_once_for_what_several_want_and_the_caller_has_all(tmp_path: Path, server: Line) -> None:
    one, other = (WorkerStore(tmp_path / "workers", server) for _ in range(2))
    sent: list[int] = []
    assert asked(one, REQUESTS[:20], sent) == list(map(answer_to, REQUESTS[:20]))
    one.let_go()
    # Half of these are the first one's: they come from the caller's store.
    assert asked(other, REQUESTS[10:], sent, limit=1.0) == list(map(answer_to, REQUESTS[10:]))
    assert sorted(sent) == list(range(40))
    assert caller(tmp_path) == (40, 40 * EACH, 0)
    assert server.counts().replies == 40
    assert server.counts().nano_usd == 40 * EACH


def test_what_another_worker_is_asking_is_waited_for_not_asked_again(tmp_path: Path, server: Line) -> None:
    one, other = (WorkerStore(tmp_path / "workers", server) for _ in range(2))
    key = REQUESTS[0].key
    assert one.apply([lambda c: one.claimant.claim(c, key)]) == [True]
    assert other.apply([lambda c: other.claimant.claim(c, key)]) == [False]
    # Nor by another process that uses the caller's store.
    neighbour = ResponseStore(tmp_path / "caller.sqlite")
    assert neighbour.apply([lambda c: neighbour.claimant.claim(c, key)]) == [False]
    server.let_go(one.name)  # it is lost
    assert other.apply([lambda c: other.claimant.claim(c, key)]) == [True]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_a_worker_could_not_deliver_is_delivered_by_the_next_and_booked_once(
    tmp_path: Path, server: Line, moment: str
) -> None:
    lost = WorkerStore(tmp_path / "workers", server)
    setattr(server, moment, True)
    with pytest.raises(LineCutError):
        asked(lost, REQUESTS[:1], [])
    setattr(server, moment, False)
    assert caller(tmp_path) == ((0, 0, 0) if moment == "before" else (1, EACH, 0))
    os.close(lost._lock)  # as the system does when a process ends
    assert deliver_leftovers(tmp_path / "workers", server) == 1
    assert not list((tmp_path / "workers").iterdir())
    assert caller(tmp_path) == (1, EACH, 0)


def test_an_answer_whose_receipt_was_lost_is_booked_once(tmp_path: Path, server: Line) -> None:
    lost = WorkerStore(tmp_path / "workers", server)
    entry = ledger.spending_of(REQUESTS[0], answer_to(REQUESTS[0]), "work", False, None)
    for receipt in (True, False):
        server.after = not receipt
        step = [lambda c: ledger.book(c, entry), lambda c: None]
        if receipt:
            lost.apply(step)
        else:
            with pytest.raises(LineCutError):
                lost.apply(step)
            server.after = False
            lost.deliver()  # once more what the caller has already
    assert [each.calls for each in ResponseStore(tmp_path / "caller.sqlite").read(lambda c: [*ledger.entries(c)])] == [
        2
    ]


def test_a_living_worker_s_store_is_left_alone(tmp_path: Path, server: Line) -> None:
    living = WorkerStore(tmp_path / "workers", server)
    assert deliver_leftovers(tmp_path / "workers", server) == 0
    assert living.path.exists()


def test_the_budget_is_the_caller_s_over_all_workers(tmp_path: Path, server: Line) -> None:
    one, other = (WorkerStore(tmp_path / "workers", server) for _ in range(2))
    sent: list[int] = []
    limit = 30 * EACH / ledger.NANO
    asked(one, REQUESTS[:20], sent, limit)
    with pytest.raises(BudgetError) as caught:
        asked(other, REQUESTS[20:], sent, limit)
    replies, spent, aside = caller(tmp_path)
    assert f"{spent / ledger.NANO:.6f} is spent" in str(caught.value)
    assert replies == len(sent) < 30
    assert spent == len(sent) * EACH <= 30 * EACH
    assert aside == 0


def test_who_a_model_said_it_was_is_known_to_each_new_worker(tmp_path: Path, server: Line) -> None:
    asked(WorkerStore(tmp_path / "workers", server), REQUESTS[:1], [])
    fresh = WorkerStore(tmp_path / "workers", server)
    assert fresh.read(lambda c: ledger.identities(c, "here", "m", "")) == [("m", "fp")]
    assert fresh.read(fresh.standing) == (EACH, 0)  # the caller's
    assert fresh.read(ledger.spent) == 0


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests/labelling")
from test_worker_stores import *
class Dying(Line):
    def deliver(self, origin, items, given_up=(), under_way=0):
        if any(isinstance(item.what, tuple) for item in items):
            os.kill(os.getpid(), signal.SIGKILL)
        super().deliver(origin, items, given_up, under_way)
folder = Path(sys.argv[1])
server = Dying(StoreAsker(ResponseStore(folder / "caller.sqlite"), {"here": ENDPOINT}), "work")
asked(WorkerStore(folder / "workers", server), REQUESTS[:1], [])
"""


def test_an_answer_of_a_worker_that_was_killed_before_it_was_delivered_is_not_lost(
    tmp_path: Path, server: Line
) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.run(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": "tests:."})
    assert killed.returncode == -signal.SIGKILL
    assert caller(tmp_path) == (0, 0, 0)
    assert deliver_leftovers(tmp_path / "workers", server) == 1
    assert caller(tmp_path) == (1, EACH, 0)
    sent: list[int] = []
    assert asked(WorkerStore(tmp_path / "workers", server), REQUESTS[:1], sent) == [answer_to(REQUESTS[0])]
    assert sent == []
