"""Writing to the store from coroutines: grouped, durable before anyone goes on, whatever fails or is given up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from diziner.common.errors import UserError
from diziner.llm.store import ResponseStore
from diziner.llm.tables import keep
from diziner.llm.writer import Writer
from diziner.prompting.request import Message, ModelSettings, Request, Response

Step = Callable[[sqlite3.Connection], int]


class Watched(ResponseStore):
    """Says how many steps each transaction had."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.transactions: list[int] = []

    def apply(self, steps: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
        self.transactions.append(len(steps))
        return super().apply(steps)


def asked(number: int) -> Request:
    return Request("here", ModelSettings("here", "m", seed=number), (Message("user", "x"),))


def keeping(number: int) -> Step:
    request = asked(number)
    return lambda connection: keep(connection, request.key, request.canonical(), Response(f"{number}", "stop"))


def kept(path: Path) -> list[int]:
    """What another process would find: through a connection of its own."""
    return sorted(request["seed"] for _, request, _ in ResponseStore(path).rows())


def run(path: Path, work: Callable[[Writer], Coroutine[Any, Any, None]]) -> Watched:
    store = Watched(path)

    async def main() -> None:
        writer = Writer(store)
        try:
            await work(writer)
        finally:
            await writer.drain()

    asyncio.run(main())
    return store


def test_what_waits_during_a_transaction_goes_into_the_next_one_together(tmp_path: Path) -> None:
    path, hold = tmp_path / "store", threading.Event()

    async def work(writer: Writer) -> None:
        first = asyncio.create_task(writer.run(lambda _: int(hold.wait(10))))
        await asyncio.sleep(0)
        rest = [asyncio.create_task(writer.run(keeping(number))) for number in range(20)]
        await asyncio.sleep(0)
        hold.set()
        assert await asyncio.gather(first, *rest) == [1] * 21
        assert kept(path) == list(range(20))

    assert run(path, work).transactions == [1, 20]


def test_each_gets_its_own_result_and_only_what_is_on_disk_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "store"

    async def work(writer: Writer) -> None:
        async def one(number: int) -> None:
            for turn in range(10):
                await asyncio.sleep(0.001 * (number % 3))
                assert await writer.run(keeping(10 * number + turn)) == 1
                assert 10 * number + turn in kept(path)

        await asyncio.gather(*(one(number) for number in range(5)))

    assert sum(run(path, work).transactions) == 50
    assert kept(path) == list(range(50))


def test_a_step_is_done_though_whoever_waited_has_gone(tmp_path: Path) -> None:
    path, hold = tmp_path / "store", threading.Event()

    async def work(writer: Writer) -> None:
        first = asyncio.create_task(writer.run(lambda _: int(hold.wait(10))))
        gone = asyncio.create_task(writer.run(keeping(1)))
        stays = asyncio.create_task(writer.run(keeping(2)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        hold.set()
        assert await stays == 1
        assert await first == 1
        assert gone.cancelled()

    run(path, work)
    assert kept(path) == [1, 2]


def fail(_: sqlite3.Connection) -> int:
    raise UserError("no")


def break_down(_: sqlite3.Connection) -> int:
    raise KeyError("a bug")


@pytest.mark.parametrize(("bad", "error"), [(fail, UserError), (break_down, KeyError)])
def test_a_transaction_fails_as_a_whole_and_those_that_wait_are_tried(
    tmp_path: Path, bad: Step, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    path, holds, begun = tmp_path / "store", [threading.Event(), threading.Event()], threading.Event()

    def held(_: sqlite3.Connection) -> int:
        begun.set()
        return int(holds[1].wait(10))

    async def work(writer: Writer) -> None:
        def begin(step: Step) -> asyncio.Task[int]:
            return asyncio.create_task(writer.run(step))

        first = begin(lambda _: int(holds[0].wait(10)))
        await asyncio.sleep(0)
        together = [begin(keeping(1)), begin(held), begin(bad)]
        await asyncio.sleep(0)
        holds[0].set()
        assert await first == 1
        assert await asyncio.to_thread(begun.wait, 10)
        later = begin(keeping(2))
        await asyncio.sleep(0)
        holds[1].set()
        results = await asyncio.gather(*together, return_exceptions=True)
        assert [type(result) for result in results] == [error] * 3
        assert await later == 1
        assert await writer.run(keeping(3)) == 1

    run(path, work)
    assert kept(path) == [2, 3]
    assert caplog.text == ""


def test_drain_waits_for_what_was_handed_over_and_ends_the_thread(tmp_path: Path) -> None:
    path, hold = tmp_path / "store", threading.Event()

    before = set(threading.enumerate())

    async def work(writer: Writer) -> None:
        tasks = [asyncio.create_task(writer.run(lambda _: int(hold.wait(10))))]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(writer.run(step)) for step in (fail, keeping(1), keeping(2))]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        hold.set()
        await writer.drain()
        assert not any(thread.name.startswith("writer") for thread in set(threading.enumerate()) - before)

    assert run(path, work).transactions == [1, 3]
    assert kept(path) == []


def test_a_writer_that_was_never_used_drains(tmp_path: Path) -> None:
    async def work(writer: Writer) -> None:
        await writer.drain()

    assert run(tmp_path / "store", work).transactions == []
