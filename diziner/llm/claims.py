"""Claims: who is asking what, so that runs at the same time pay for an answer once.

A process writes down a request before it sends it. It holds a lock on a file of its own as long as it lives, which
the system lets go however it ends: a claim whose file is free has lapsed, and so has one of before the machine's last
start. Of a process on another machine, whose locks cannot be seen, a claim counts for an hour by the clock.
"""

from __future__ import annotations

import fcntl
import platform
import sqlite3
import time
import uuid
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO

CLAIMS = (
    "CREATE TABLE claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL, "
    "since REAL NOT NULL) WITHOUT ROWID"
)
_ELSEWHERE_S = 3600.0


class Claimant:
    """One run as others see it. `folder` is where the files of all claimants lie, beside the store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._end: Callable[[], object] | None = None
        self._name = ""

    def claim(self, connection: sqlite3.Connection, key: str) -> bool:
        """Claim a request within a transaction; return False while another live process has it."""
        self._live()
        held = connection.execute("SELECT owner, host, boot, since FROM claims WHERE key = ?", (key,)).fetchone()
        if held is not None and held[0] != self._name and not self._lapsed(*held):
            return False
        connection.execute(
            "INSERT OR REPLACE INTO claims (key, owner, host, boot, since) VALUES (?, ?, ?, ?, ?)",
            (key, self._name, *here(), time.time()),
        )
        return True

    def let_go(self, connection: sqlite3.Connection, key: str) -> None:
        """Give up a claim within a transaction, if it is one of ours."""
        connection.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, self._name))

    def end(self) -> None:
        """Let all claims lapse."""
        if self._end is not None:
            self._end()
            self._end = None

    def _live(self) -> None:
        if self._end is not None:
            return
        self._folder.mkdir(exist_ok=True)
        for path in self._folder.iterdir():
            _is_dead(path)
        while True:
            self._name = uuid.uuid4().hex
            path = self._folder / self._name
            file = path.open("wb")
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():  # else another took it for one that nobody holds, before we held it
                break
            file.close()
        self._end = weakref.finalize(self, _ended, path, file)

    def _lapsed(self, owner: str, host: str, boot: str, since: float) -> bool:
        my_host, my_boot = here()
        if boot != my_boot:
            return host == my_host or time.time() - since > _ELSEWHERE_S
        return _is_dead(self._folder / owner)


def _ended(path: Path, file: IO[bytes]) -> None:
    path.unlink(missing_ok=True)
    file.close()


def _is_dead(path: Path) -> bool:
    """Return whether nobody holds a claimant's file; such a file is removed."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return True
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False


@cache
def here() -> tuple[str, str]:
    """Return this machine's name, and what tells its present run from others: containers of one machine share it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = platform.node()
    return platform.node(), boot


def claimants_folder(store: Path) -> Path:
    """Return the folder of a store's claimants."""
    return store.with_name(f"{store.name}.claims")
