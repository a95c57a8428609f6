"""Response store: every answer ever received, in one SQLite file, committed before it is used.

Replies are found by request key (`diziner.llm.rows`). Truncated, filtered and empty responses are kept as evidence,
apart from answers: a live run asks again, a replay may be told to accept them as the failures they were. The same file
holds the account of what was spent (`diziner.llm.ledger`), so that an answer and its cost are one transaction, the
requests under way (`diziner.llm.claims`), and the label folders whose rows name answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.llm import ledger
from diziner.llm.claims import Claimant, claimants_folder
from diziner.llm.deltas import Unpacker, remove_unused
from diziner.llm.keys import refuse_keys_in_row
from diziner.llm.rows import FAILED, REFUSAL, DamagedRowError, Row
from diziner.llm.tables import LAYOUT, create, keep, kept, migrate, reply_of, row_id
from diziner.prompting.request import Reply, Request

T = TypeVar("T")

_CHUNK = 500  # keys per query, below SQLite's limit on variables
_PATIENCE_S = 0.5  # writers wait so long for each other without a word
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_OF_THE_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class ResponseStore:
    """A response store at `path`; made on the first write. Safe for several processes at once.

    `busy_s` is how long to wait for another process that holds the file. Where the file cannot be written to, it is
    read all the same.
    """

    def __init__(self, path: Path, busy_s: float = 60.0) -> None:
        self.path = path
        self.claimant = Claimant(claimants_folder(path))
        self._busy_s = busy_s
        self._connection: sqlite3.Connection | None = None
        self._copy: tempfile.TemporaryDirectory[str] | None = None

    def get(self, keys: Sequence[str], failures: bool = False) -> dict[str, Reply]:
        """Return the answers and refusals kept among `keys`; with `failures` also responses that are no answers.

        Errors: UserError for a store that is locked or damaged, a changed reply included.
        """
        found: dict[str, Reply] = {}
        if not self.path.exists():
            return found
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            found.update(self.read(partial(kept, keys=chunk, least=FAILED if failures else REFUSAL)))
        return found

    def put(self, request: Request, reply: Reply) -> None:
        """Keep one reply; durable when this returns. An answer is never replaced, a failure by an answer only."""
        self.put_rows([(request.key, request.canonical(), reply)])

    def put_rows(self, rows: Iterable[Row]) -> int:
        """Keep many replies in one transaction; returns how many were new."""
        chosen = list(rows)
        for row in chosen:
            refuse_keys_in_row(row)
        return sum(self.apply([lambda connection: sum(keep(connection, *row) for row in chosen)]))

    def apply(self, steps: Sequence[Callable[[sqlite3.Connection], T]]) -> list[T]:
        """Run steps in one transaction, durable when this returns; their results in order.

        The transaction takes the write lock at once, so that what a step reads still holds when it writes.
        """
        connection = self._patiently(_begin)
        with self._named_errors():
            try:
                results = [step(connection) for step in steps]
                connection.commit()
            finally:
                if connection.in_transaction:
                    connection.rollback()
        return results

    def read(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of a step that writes nothing; it is tried again where another process holds the file."""
        return self._patiently(step)

    def reserve(self, connection: sqlite3.Connection, most: int, limit: int) -> int | None:
        """Set money aside within a transaction, as `ledger.reserve`."""
        return ledger.reserve(connection, most, limit)

    def standing(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Return what is spent and what is set aside, in billionths of a US dollar."""
        return ledger.spent(connection), ledger.reserved(connection)

    def rows(self) -> Iterator[Row]:
        """Yield all rows, sorted by key, each held against its key and digest."""
        yield from self._rows("", [])

    def rows_of(self, keys: Sequence[str]) -> Iterator[Row]:
        """Yield the rows kept among `keys`, failures too, each held against its key and digest."""
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            yield from self._rows(f"WHERE id IN ({','.join('?' * len(chunk))})", list(map(row_id, chunk)))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Have this store read what was there at the beginning, whatever others write meanwhile."""
        if not self.path.exists():
            yield
            return
        connection = self.read(lambda c: c.execute("BEGIN").connection)
        try:
            yield
        finally:
            connection.rollback()

    def _rows(self, condition: str, ids: Sequence[int]) -> Iterator[Row]:
        for key, text, reply in self._texts(condition, ids):
            yield key, jsontext.body(text), reply

    def _texts(self, condition: str = "", ids: Sequence[int] = ()) -> Iterator[tuple[str, str, Reply]]:
        if not self.path.exists():
            return
        query = f"SELECT id, key, rank, base, request, reply, digest FROM responses {condition} ORDER BY id"
        found = self.read(lambda connection: connection.execute(query, ids))
        with self._named_errors():
            unpacker, last = Unpacker(found.connection), ""
            for place, key, held, base, delta, text, digest in found:
                reply = reply_of(key, held, text, digest)
                if key == last or place != row_id(key):
                    raise DamagedRowError(f"the row {key} is doubled or out of its place")
                last = key
                request = unpacker.unpack(base, delta)
                if key != hashlib.sha256(request.encode()).hexdigest():
                    raise DamagedRowError(f"the key {key} does not fit its request")
                yield key, request, reply

    def verify(self) -> int:
        """Check the file's structure, every key against its request, every reply against its digest.

        Returns how many replies there are. Errors: UserError with the first fault.
        """
        if not self.path.exists():
            return 0
        state = self.read(lambda connection: connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if state != "ok":
            raise self._damaged(state)
        return sum(1 for _ in self._texts())

    def remove(self, keys: Sequence[str]) -> int:
        """Remove replies and give their space back; returns how many there were."""
        if not self.path.exists():
            return 0
        chosen = [(row_id(key), key) for key in keys]

        def step(connection: sqlite3.Connection) -> int:
            count = connection.executemany("DELETE FROM responses WHERE id = ? AND key = ?", chosen).rowcount
            remove_unused(connection)
            return max(0, count)

        removed: list[int] = self.apply([step])
        self.read(lambda connection: connection.execute("VACUUM"))
        return removed[0]

    def close(self) -> None:
        """Close the file; the store can be used again afterwards."""
        self.claimant.end()
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._copy:
            self._copy.cleanup()
            self._copy = None

    def _patiently(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """Return the step's result; waits for another process that holds the file, and says that it does."""
        deadline, is_said = time.monotonic() + self._busy_s, False
        while True:
            with self._named_errors():
                try:
                    if self._connection is None:
                        self._connection = self._connect()
                    return step(self._connection)
                except sqlite3.OperationalError as error:
                    if _code(error) not in _BUSY or time.monotonic() >= deadline:
                        raise
            if not is_said:
                sys.stderr.write(f"waiting: another process holds {self.path}\n")
                sys.stderr.flush()
                is_said = True

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            self._create()
        elif self.path.stat().st_size == 0:
            raise DamagedRowError("the file is empty")
        patience = min(_PATIENCE_S, self._busy_s)
        writable = os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
        connection = _opened(self.path, patience) if writable else opened_for_reading(self.path, patience)
        try:
            return self._in_present_layout(connection, writable)
        except BaseException:
            connection.close()
            raise

    def _in_present_layout(self, connection: sqlite3.Connection, writable: bool) -> sqlite3.Connection:
        """Return the connection, once the store has the present layout; where it cannot be written to, one to a
        copy."""
        layout: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if layout > LAYOUT:
            raise UserError(
                f"{self.path}: made by a newer version (layout {layout}, this one reads {LAYOUT}); update diziner"
            )
        if layout < 1:
            raise DamagedRowError(f"there is no layout {layout}")
        if layout == LAYOUT:
            return connection
        sys.stderr.write(f"{self.path}: bringing the response store to layout {LAYOUT}, once\n")
        sys.stderr.flush()
        if not writable:
            self._copy = tempfile.TemporaryDirectory()
            earlier, connection = connection, _opened(Path(self._copy.name) / "copy.sqlite", 0.0)
            with contextlib.closing(earlier):
                earlier.backup(connection)
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            [(layout,)] = connection.execute("PRAGMA user_version")
            if layout < LAYOUT:  # else another process was quicker
                migrate(connection)
        with contextlib.suppress(sqlite3.OperationalError):  # another process reads: space is given back another time
            connection.execute("VACUUM")
        return connection

    def _create(self) -> None:
        # Made aside and linked into place: a file at `path` is whole from its first moment, so an empty one is damage.
        # A link, unlike a rename, never puts an empty store over one that another process made meanwhile.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=f".{self.path.name}.") as folder:
            fresh = Path(folder) / self.path.name
            # Without a journal beside it: what a full disk keeps from getting into the file is an error here.
            with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                create(connection)
            with contextlib.suppress(FileExistsError):
                os.link(fresh, self.path)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Say errors of SQLite and of rows in terms of the store. Bugs of ours pass as they are."""
        try:
            yield
        except DamagedRowError as error:
            raise self._damaged(str(error)) from None
        except sqlite3.DatabaseError as error:
            code = _code(error)
            if code in _BROKEN or "decode" in str(error):
                raise self._damaged(str(error)) from None
            if code in _BUSY:
                raise UserError(
                    f"{self.path}: the response store has been locked by another process for {self._busy_s:g} s; "
                    "end that process and run again"
                ) from None
            if code == sqlite3.SQLITE_READONLY:
                raise UserError(
                    f"{self.path}: the response store cannot be written to, so no model can be asked; make the file "
                    "and its folder writable, or copy them"
                ) from None
            if code in _OF_THE_DISK:
                raise UserError(
                    f"{self.path}: the response store cannot be written to: {error}; make room on its disk, and look "
                    "whether that fails; then run the same command again: what was kept is still there"
                ) from None
            if isinstance(error, sqlite3.OperationalError):
                raise UserError(f"{self.path}: cannot use the response store: {error}") from None
            raise

    def _damaged(self, what: str) -> UserError:
        return UserError(
            f"{self.path}: the response store is damaged ({' '.join(what.split())}); put a good copy in its "
            "place, or move it away and import an export of it with `diziner responses import FILE`"
        )


def opened_for_reading(path: Path, busy_s: float = 0.0) -> sqlite3.Connection:
    """Return a connection that writes nothing, neither to the store nor beside it.

    Errors: sqlite3.OperationalError where somebody left a journal that only one who may write can take in.
    """
    journal, shared = (path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm"))
    # Without a journal nobody is writing, and SQLite needs no locks; it would leave files of its own beside the store.
    # With one, the store is whole only together with it, read under the locks of those who write.
    way = "mode=ro&immutable=1"
    if journal.exists() and journal.stat().st_size:
        if not shared.exists():
            raise sqlite3.OperationalError("locked: it has a journal that is to be taken in")
        way = "mode=ro"
    uri = f"{path.absolute().as_uri()}?{way}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)


def _opened(path: Path, busy_s: float) -> sqlite3.Connection:
    # One connection for all threads of a process: only one of them uses it at a time (diziner.llm.writer).
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: an answer that was paid for survives a power cut, too.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _begin(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("BEGIN IMMEDIATE")
    return connection


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
