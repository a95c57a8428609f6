"""The response store: every answer ever received, in one SQLite file, committed before it is used.

Answers are found by request key, and so are refusals, as what they are. Truncations and empty answers are kept as
evidence: a live run asks again, a replay may be told to accept them as the failures they were. The same file
holds the account of what was spent (`diziner.llm.ledger`), so that an answer and its cost are one transaction.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from diziner.common.errors import UserError
from diziner.llm.ledger import TABLES
from diziner.llm.rows import ANSWER, FAILED, Row, rank, reply_from_json, reply_to_json
from diziner.prompting.request import Reply, Request, key_of

T = TypeVar("T")

LAYOUT = 1
_CHUNK = 500  # keys per query, below SQLite's limit on variables


class ResponseStore:
    """A response store at `path`; made on the first write. Safe for several processes at once.

    `busy_s` is how long to wait for another process that holds the file.
    """

    def __init__(self, path: Path, busy_s: float = 60.0) -> None:
        self.path = path
        self._busy_s = busy_s
        self._connection: sqlite3.Connection | None = None

    def get(self, keys: Sequence[str], failures: bool = False) -> dict[str, Reply]:
        """The stored answers and refusals among `keys`; with `failures` also responses that are no answers.

        Errors: UserError for a store that is locked or damaged, a changed response included.
        """
        found: dict[str, Reply] = {}
        if not self.path.exists():
            return found
        wanted = "" if failures else f"AND answer <> {FAILED}"
        with self._open() as connection:
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key, response, digest FROM responses WHERE key IN ({marks}) {wanted}"
                found.update((row[0], _reply(*row)) for row in connection.execute(query, chunk))
        return found

    def put(self, request: Request, response: Reply) -> None:
        """Keep one reply; durable when this returns. An answer is never replaced by a refusal or a failure."""
        self.put_rows([(request.key, request.canonical(), response)])

    def put_rows(self, rows: Iterable[Row]) -> int:
        """Keep many responses in one transaction; returns how many were new."""
        kept = list(rows)
        return sum(self.apply([lambda connection: sum(keep(connection, *row) for row in kept)]))

    def apply(self, steps: Sequence[Callable[[sqlite3.Connection], T]]) -> list[T]:
        """Run steps in one transaction, durable when this returns; their results in order.

        The transaction takes the write lock at once, so that what a step reads still holds when it writes.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                results = [step(connection) for step in steps]
                connection.commit()
            finally:
                if connection.in_transaction:
                    connection.rollback()
        return results

    def rows(self) -> Iterator[Row]:
        """All rows, sorted by key."""
        if not self.path.exists():
            return
        with self._open() as connection:
            for key, request, text, digest in connection.execute(
                "SELECT key, request, response, digest FROM responses ORDER BY key"
            ):
                yield key, json.loads(request), _reply(key, text, digest)

    def verify(self) -> int:
        """Check the file's structure, every key against its request, every response against its digest.

        Returns how many responses there are. Errors: UserError with the first fault.
        """
        if not self.path.exists():
            return 0
        with self._open() as connection:
            state = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if state != "ok":
                raise sqlite3.DatabaseError(state)
        count = 0
        for key, request, _ in self.rows():
            count += 1
            if key != key_of(request):
                raise self._damaged(f"the key {key} does not fit its request")
        return count

    def remove(self, keys: Sequence[str]) -> int:
        """Remove responses and give their space back; returns how many there were."""
        if not self.path.exists():
            return 0
        chosen = [(key,) for key in keys]
        removed: list[int] = self.apply(
            [lambda c: c.executemany("DELETE FROM responses WHERE key = ?", chosen).rowcount]
        )
        with self._open() as connection:
            connection.execute("VACUUM")
        return max(0, *removed)

    def close(self) -> None:
        """Close the file; the store can be used again afterwards."""
        if self._connection:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is None:
                self._connection = _connect(self.path, self._busy_s)
            yield self._connection
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise UserError(
                    f"{self.path}: the response store has been locked by another process for {self._busy_s:g} s; "
                    "end that process and run again"
                ) from None
            if "decode" in str(error):
                raise self._damaged(str(error)) from None
            raise UserError(f"{self.path}: cannot use the response store: {error}") from None
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise self._damaged(str(error)) from None

    def _damaged(self, what: str) -> UserError:
        return UserError(
            f"{self.path}: the response store is damaged ({' '.join(what.split())}); put a good copy in its "
            "place, or move it away and import an export of it with `diziner responses import FILE`"
        )


def keep(connection: sqlite3.Connection, key: str, request: dict[str, Any], reply: Reply) -> int:
    """Keep one reply within a transaction; 1 if it was new or is worth more than the one before, else 0."""
    text = _line(reply_to_json(reply))
    return connection.execute(
        "INSERT INTO responses (key, answer, request, response, digest) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, response = excluded.response, "
        f"digest = excluded.digest WHERE responses.answer <> {ANSWER} AND excluded.answer <> {FAILED}",
        (key, rank(reply), _line(request), text, _digest(key, text)),
    ).rowcount


def _reply(key: str, text: str, digest: str | None) -> Reply:
    if digest is not None and digest != _digest(key, text):
        raise ValueError(f"the response to {key} was changed after it was kept")
    return reply_from_json(json.loads(text))


def _digest(key: str, text: str) -> str:
    return hashlib.sha256(f"{key} {text}".encode()).hexdigest()[:16]


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    if not path.exists():
        _create(path)
    elif path.stat().st_size == 0:
        raise sqlite3.DatabaseError("the file is empty")
    connection = _opened(path, busy_s)
    layout = connection.execute("PRAGMA user_version").fetchone()[0]
    if layout > LAYOUT:
        raise UserError(f"{path}: made by a newer version (layout {layout}, this one reads {LAYOUT}); update diziner")
    columns = {row[1] for row in connection.execute("PRAGMA table_info(responses)")}
    if "digest" not in columns:
        with contextlib.suppress(sqlite3.OperationalError):  # another process was quicker
            connection.execute("ALTER TABLE responses ADD COLUMN digest TEXT")
    for table in TABLES:
        connection.execute(table)
    return connection


def _create(path: Path) -> None:
    # Made aside and linked into place: a file at `path` is whole from its first moment, so an empty one is damage.
    # A link, unlike a rename, never puts an empty store over one that another process made meanwhile.
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        fresh = Path(folder) / path.name
        connection = _opened(fresh, 0.0)
        connection.execute(
            "CREATE TABLE responses (key TEXT PRIMARY KEY, answer INTEGER NOT NULL, request TEXT NOT NULL, "
            "response TEXT NOT NULL, digest TEXT) WITHOUT ROWID"
        )
        for table in TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA user_version = {LAYOUT}")
        connection.close()
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)


def _opened(path: Path, busy_s: float) -> sqlite3.Connection:
    # One connection for all threads of a process: only one of them uses it at a time (diziner.llm.writer).
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: an answer that was paid for survives a power cut, too.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
