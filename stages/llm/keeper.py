"""Writing to the store from coroutines: durable before it returns, without holding up the calls in flight."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from stages.llm.store import ResponseStore

T = TypeVar("T")
Step = Callable[[sqlite3.Connection], Any]


class Keeper:
    """Runs steps on the store in a thread; whatever waits meanwhile goes into the next transaction together.

    A sync to disk takes as long for many answers as for one: this keeps up where a sync an answer would not.
    """

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self._waiting: list[tuple[Step, asyncio.Future[Any]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def run(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """The step's result, once it is on disk. The step is done even if the caller is cancelled.

        Errors: UserError of the store; all steps of a transaction fail together.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await asyncio.shield(future)

    async def drain(self) -> None:
        """Wait until all that was handed over is on disk."""
        if self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await asyncio.to_thread(self._store.apply, [step for step, _ in batch])
            except BaseException as error:
                for _, future in batch:
                    future.set_exception(error)
                    # Whoever waited may be gone: then nobody misses it.
                    future.exception()
                raise
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)
