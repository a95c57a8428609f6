"""Limits that processes keep together: an endpoint's calls in flight and pace.

`diziner repro -j` runs stages at once and names a folder in DIZINER_TURNS; without it a process is alone and its
own limits are enough. Places are file locks, so that the system gives them back when a process dies, however it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from diziner.common.locks import try_lock
from diziner.llm.pacing import Pacer

VARIABLE = "DIZINER_TURNS"
_POLL_S = 0.02
_FREE = struct.Struct("<d")


def turns_folder() -> Path | None:
    """Return where limits are shared, None where this process is alone."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


class Places:
    """`count` places that processes take and give back, one for each call in flight to the endpoint `name`."""

    def __init__(self, folder: Path, name: str, count: int) -> None:
        self._files = [(folder / f"{name}.place{number}").open("ab") for number in range(count)]
        self._taken: set[int] = set()
        # One waiter of this process tries at a time, the others wait for it.
        self._queue = asyncio.Lock()

    async def take(self) -> int:
        """Wait for a place; returns its number."""
        async with self._queue:
            while True:
                for number, file in enumerate(self._files):
                    if number not in self._taken and try_lock(file):
                        self._taken.add(number)
                        return number
                await asyncio.sleep(_POLL_S)

    def give(self, number: int) -> None:
        """Give a place back."""
        self._taken.discard(number)
        fcntl.flock(self._files[number], fcntl.LOCK_UN)


class SharedPacer(Pacer):
    """A pacer whose booking is kept in a file, for all processes of this machine.

    `now` is to be of the system's monotonic clock, which processes have in common. The file is of one run: the
    clock starts anew with the machine.
    """

    def __init__(self, file: Path, per_minute: float) -> None:
        super().__init__(per_minute)
        self._file = file.open("a+b", buffering=0)

    def book(self, amount: float, now: float) -> float:
        """Do what `Pacer` does."""
        with self._read():
            return super().book(amount, now)

    def correct(self, amount: float) -> None:
        """Do what `Pacer` does."""
        with self._read():
            super().correct(amount)

    @contextlib.contextmanager
    def _read(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._file.seek(0)
            kept = self._file.read(_FREE.size)
            self._free = _FREE.unpack(kept)[0] if len(kept) == _FREE.size else 0.0
            yield
            self._file.truncate(0)
            self._file.write(_FREE.pack(self._free))
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def places(name: str, count: int) -> Places | None:
    """Return the places of an endpoint, None where this process is alone."""
    folder = turns_folder()
    return Places(folder, _file_name(name), count) if folder else None


def pacer(name: str, per_minute: float | None) -> Pacer | None:
    """Return the pacer of one limit of an endpoint, such as `openai.rpm`; None where there is no limit."""
    folder = turns_folder()
    if not per_minute:
        return None
    return SharedPacer(folder / f"{_file_name(name)}.pace", per_minute) if folder else Pacer(per_minute)


def _file_name(name: str) -> str:
    return name.replace("/", "_")
