"""Writer of the store for coroutines: durable before it returns, without holding up the calls in flight."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from diziner.llm.store import ResponseStore

T = TypeVar("T")
Step = Callable[[sqlite3.Connection], Any]


class Writer:
    """Runs steps on the store in a thread of its own; what waits meanwhile goes into the next transaction together.

    A sync to disk takes as long for many answers as for one: this keeps up where a sync an answer would not. The
    thread goes from one transaction to the next by itself, and hands results straight to those who wait: every
    detour through a busy event loop would cost an answer one more round of everybody's turns.
    """

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self._lock = threading.Lock()  # keeps the next two in step
        self._waiting: list[tuple[Step, asyncio.Future[Any]]] = []
        self._writing = False
        self._thread = ThreadPoolExecutor(1, "writer")
        self._written: asyncio.Future[None] | None = None

    async def run(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """Return the step's result, once it is on disk. The step is done even if the caller is cancelled.

        Errors: UserError of the store; all steps of a transaction fail together, later ones are tried.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((step, future))
        self._start()
        return await future

    async def drain(self) -> None:
        """Wait until all that was handed over is on disk or has failed. The thread ends; nothing can be run after."""
        while self._writing and self._written is not None:
            await asyncio.wait([self._written])
        self._thread.shutdown()

    def _start(self) -> None:
        with self._lock:
            if self._writing or not self._waiting:
                return
            self._writing = True
        loop = asyncio.get_running_loop()
        self._written = loop.run_in_executor(self._thread, self._write, loop)
        self._written.add_done_callback(self._ended)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit one transaction after the other in the thread, until nothing waits or one fails."""
        while True:
            with self._lock:
                batch, self._waiting = self._waiting, []
                self._writing = bool(batch)
            if not batch:
                return
            futures = [future for _, future in batch]
            try:
                results = self._store.apply([step for step, _ in batch])
            except BaseException as error:
                loop.call_soon_threadsafe(_fail, futures, error)
                raise
            loop.call_soon_threadsafe(_settle, futures, results)

    def _ended(self, written: asyncio.Future[None]) -> None:
        if written.exception() is not None:  # those whose steps failed have it; the others are next
            with self._lock:
                self._writing = False
            self._start()


def _settle(futures: list[asyncio.Future[Any]], results: list[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if not future.done():  # whoever waited may be gone
            future.set_result(result)


def _fail(futures: list[asyncio.Future[Any]], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
