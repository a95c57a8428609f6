"""Response store of a worker: its own file, on the disk of its machine, merged into the caller's as it grows.

Whatever is kept or booked in it goes into an outbox in the same transaction, and is delivered to the caller's store
(`diziner.labelling.answer_server`) before the transaction counts as done. So an answer that a worker goes on with is in
two places, and a machine that is lost loses only the calls that were in flight. If the process dies between the two,
the outbox stays on the disk, and the next worker that starts on this machine delivers it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from diziner.labelling.answer_server import Granted, Item
from diziner.llm import ledger
from diziner.llm.claims import Claimant, claimants_folder
from diziner.llm.ledger import Spending
from diziner.llm.rows import Row
from diziner.llm.store import ResponseStore
from diziner.llm.tables import keep
from diziner.prompting.request import Reply

T = TypeVar("T")

_FILE, _LOCK = "responses.sqlite", "lock"
_AHEAD = 32  # requests that are claimed with one call
_COLUMNS = [field.name for field in fields(Spending)]
_GROWN = ", ".join(f"new.{name} - old.{name}" if name in ledger.SUMS else f"new.{name}" for name in _COLUMNS)
_NEW = ", ".join(f"new.{name}" for name in _COLUMNS)
_OUTBOX = (
    "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, reservation INTEGER, "
    f"{', '.join(_COLUMNS)})",
    "CREATE TRIGGER kept AFTER INSERT ON responses BEGIN INSERT INTO outbox (key) VALUES (new.key); END",
    "CREATE TRIGGER bettered AFTER UPDATE ON responses BEGIN INSERT INTO outbox (key) VALUES (new.key); END",
    "CREATE TRIGGER booked AFTER INSERT ON spending BEGIN "
    f"INSERT INTO outbox ({', '.join(_COLUMNS)}) VALUES ({_NEW}); END",
    "CREATE TRIGGER booked_more AFTER UPDATE ON spending BEGIN "
    f"INSERT INTO outbox ({', '.join(_COLUMNS)}) VALUES ({_GROWN}); END",
    "CREATE TRIGGER released AFTER DELETE ON reservations BEGIN INSERT INTO outbox (reservation) VALUES (old.id); END",
)
_WAITING = f"SELECT number, key, reservation, {', '.join(_COLUMNS)} FROM outbox WHERE number > ? ORDER BY number"


class Server(Protocol):
    """What a worker needs of an `AnswerServer`, wherever that is."""

    def identities(self) -> list[Spending]: ...
    def known(self, keys: Sequence[str], failures: bool = False) -> Mapping[str, Reply]: ...
    def claim(self, origin: str, keys: Sequence[str]) -> Granted: ...
    def deliver(self, origin: str, items: Sequence[Item], given_up: Sequence[str], under_way: int) -> None: ...
    def reserve(self, most: int, limit: int) -> int | None: ...
    def standing(self) -> tuple[int, int]: ...
    def let_go(self, origin: str) -> None: ...


class WorkerStore(ResponseStore):
    """A store in a folder of its own below `folder`, under a name that no other has; `server` has the caller's store.

    What is not in it is looked for in the caller's store. `under_way` is told to the server with each delivery.
    """

    def __init__(self, folder: Path, server: Server, name: str | None = None) -> None:
        self.name = name or uuid.uuid4().hex
        self._folder = folder / self.name
        self._folder.mkdir(parents=True, exist_ok=True)
        super().__init__(self._folder / _FILE)
        self._server = server
        self._claims = _Claims(self._folder, server, self.name)
        self.claimant = self._claims
        self._delivered = 0
        self.under_way = 0
        # Gives way when the process ends, however it ends: an outbox that nobody holds is anybody's to deliver.
        self._lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not self.path.exists():
            seeds = server.identities()
            super().apply([lambda c: _begin(c, seeds)])

    def get(self, keys: Sequence[str], failures: bool = False) -> dict[str, Reply]:
        """See `ResponseStore.get`; the caller's store, tape and finished batches are looked into, too."""
        found = super().get(keys, failures)
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if missing:
            found.update(self._server.known(missing, failures))
            self._claims.expect([key for key in missing if key not in found])
        return found

    def apply(self, steps: Sequence[Callable[[sqlite3.Connection], T]]) -> list[T]:
        """See `ResponseStore.apply`; what was kept and booked is in the caller's store when this returns."""
        results = super().apply([_cleared(steps[0], self._delivered), *steps[1:]] if self._delivered else steps)
        self.deliver()
        return results

    def deliver(self) -> None:
        """Deliver what is in the outbox, and the claims that were given up."""
        delivered = self._delivered
        waiting = self.read(lambda c: c.execute(_WAITING, (delivered,)).fetchall())
        given_up = self._claims.given_up()
        if not waiting and not given_up:
            return
        rows = {row[0]: row for row in self.rows_of(sorted({key for _, key, *_ in waiting if key is not None}))}
        items = [_item(entry, rows) for entry in waiting]
        self._server.deliver(self.name, items, given_up, self.under_way)
        self._delivered = items[-1].number if items else delivered

    def reserve(self, connection: sqlite3.Connection, most: int, limit: int) -> int | None:
        """Set money aside in the caller's store, and remember it under the same number here."""
        reservation = self._server.reserve(most, limit)
        if reservation is not None:
            connection.execute("INSERT INTO reservations (id, nano_usd) VALUES (?, ?)", (reservation, most))
        return reservation

    def standing(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Return what is spent and set aside in the caller's store."""
        return self._server.standing()

    def let_go(self) -> None:
        """Free all claims at the end of a shard."""
        self._claims.forget()
        self._server.let_go(self.name)
        self.under_way = 0

    def remove(self, keys: Sequence[str] = ()) -> int:
        """Remove the whole store: everything in it was delivered."""
        self.close()
        os.close(self._lock)
        shutil.rmtree(self._folder, ignore_errors=True)
        return 0


class _Claims(Claimant):
    """Claims of a worker: the server's, of which some are asked for ahead of time, in the order of the requests."""

    def __init__(self, folder: Path, server: Server, name: str) -> None:
        super().__init__(claimants_folder(folder / _FILE))
        self._server = server
        self._origin = name
        self._expected: dict[str, None] = {}
        self._granted: set[str] = set()
        self._given_up: list[str] = []

    def expect(self, keys: Sequence[str]) -> None:
        """Take down what is asked next."""
        self._expected = dict.fromkeys(keys)

    def claim(self, connection: sqlite3.Connection, key: str) -> bool:
        """Claim a request within a transaction. What others have had answered meanwhile is kept here."""
        if key not in self._granted:
            self._expected.pop(key, None)
            granted = self._server.claim(self._origin, [key, *islice(self._expected, _AHEAD - 1)])
            self._granted |= granted.keys
            for row in granted.rows:
                keep(connection, *row)
                connection.execute("DELETE FROM outbox WHERE key = ?", (row[0],))  # it comes from there
                self._expected.pop(row[0], None)
            for mine in granted.keys:
                self._expected.pop(mine, None)
        return key in self._granted

    def let_go(self, connection: sqlite3.Connection, key: str) -> None:
        """Give up a claim; the server is told with the next delivery."""
        if key in self._granted:
            self._granted.discard(key)
            self._given_up.append(key)

    def given_up(self) -> list[str]:
        """Return the claims that were given up since the last time."""
        given_up, self._given_up = self._given_up, []
        return given_up

    def forget(self) -> None:
        """Forget all claims: the server is told to."""
        self._expected, self._granted, self._given_up = {}, set(), []


def deliver_leftovers(folder: Path, server: Server) -> int:
    """Deliver what workers that are gone have left below `folder`, and remove their stores; return how many there were.

    Stores of workers that live are left alone.
    """
    count = 0
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not (place / _FILE).exists():
            continue
        with contextlib.suppress(BlockingIOError):
            store = WorkerStore(folder, server, place.name)
            store.deliver()
            store.remove()
            count += 1
    return count


def _begin(connection: sqlite3.Connection, seeds: Sequence[Spending]) -> None:
    for entry in seeds:
        ledger.book(connection, entry)
    for statement in _OUTBOX:
        connection.execute(statement)


def _cleared(step: Callable[[sqlite3.Connection], T], delivered: int) -> Callable[[sqlite3.Connection], T]:
    """Return the step with the outbox cleared before it: one transaction less for each delivery."""

    def both(connection: sqlite3.Connection) -> T:
        connection.execute("DELETE FROM outbox WHERE number <= ?", (delivered,))
        return step(connection)

    return both


def _item(entry: Sequence[object], rows: Mapping[str, Row]) -> Item:
    number, key, reservation, *columns = entry
    assert isinstance(number, int)
    if key is not None:
        return Item(number, rows[str(key)])
    if reservation is not None:
        assert isinstance(reservation, int)
        return Item(number, reservation)
    return Item(number, Spending(*columns))  # type: ignore[arg-type]  # as they were booked
