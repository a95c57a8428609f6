"""Batches in the response store: which there are, which requests they hold, and what has come back.

A batch is written down before it is sent, so that it is found again by its tag if this process ends in between. A
request is in one open batch at most, and leaves it in the transaction that keeps its answer: so no answer is booked
twice, whoever collects and however often. The tables are made with the first batch; earlier versions pass them over.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from diziner.common import jsontext
from diziner.llm.rows import compact
from diziner.prompting.request import Message, ModelSettings, Request

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from diziner.endpoints.batch_api import Job

SENDING = "sending"  # written down, and not known to be accepted
GONE = "gone"  # no batch: the model was not there when one was to be sent
TABLES = (
    "CREATE TABLE IF NOT EXISTS batches (tag TEXT PRIMARY KEY, endpoint TEXT NOT NULL, model TEXT NOT NULL, "
    "id TEXT NOT NULL, state TEXT NOT NULL, requests INTEGER NOT NULL, tokens INTEGER NOT NULL, "
    "reservation INTEGER, since REAL NOT NULL, is_open INTEGER NOT NULL, note TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS batch_requests (key TEXT PRIMARY KEY, tag TEXT NOT NULL, place INTEGER NOT NULL, "
    "work TEXT NOT NULL, request BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS batch_requests_by_tag ON batch_requests (tag)",
)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Batch as the store has it. `id` is the provider's, empty until it is known; `tokens` are those of its prompts,
    roughly; `reservation` is the money set aside for it; `note` is what became of it."""

    tag: str
    endpoint: str
    model: str
    id: str
    state: str
    requests: int
    tokens: int
    reservation: int | None
    since: float
    is_open: bool
    note: str

    @property
    def name(self) -> str:
        """The provider's id, or the tag where there is none yet."""
        return self.id or self.tag


_COLUMNS = ", ".join(field.name for field in fields(BatchRow))


def tag_of(keys: Iterable[str], attempt: int) -> str:
    """Return the tag of a batch: the same wherever the same requests are sent, so that a batch that nobody wrote down
    is found; another for another attempt at them."""
    digest = hashlib.sha256("".join(sorted(keys)).encode()).hexdigest()[:32]
    return f"diziner-{digest}-{attempt}"


def has_tables(connection: sqlite3.Connection) -> bool:
    """Return whether the store has ever had a batch."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'batches'").fetchone()
    return found is not None


def open_batches(connection: sqlite3.Connection) -> list[BatchRow]:
    """Return the batches that something may still come of, in the order they were made."""
    return [row for row in all_batches(connection) if row.is_open]


def all_batches(connection: sqlite3.Connection) -> list[BatchRow]:
    """Return all batches, in the order they were made."""
    if not has_tables(connection):
        return []
    rows = connection.execute(f"SELECT {_COLUMNS} FROM batches ORDER BY since, tag")
    return [BatchRow(*row) for row in rows]


def holding(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    """Return the tags of the open batches that hold requests among `keys`, by key."""
    found: dict[str, str] = {}
    for start in range(0, len(keys) if has_tables(connection) else 0, _AT_ONCE):
        chunk = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(chunk))
        found.update(connection.execute(f"SELECT key, tag FROM batch_requests WHERE key IN ({marks})", chunk))
    return found


def note_batch(connection: sqlite3.Connection, row: BatchRow, requests: Mapping[str, tuple[str, Request]]) -> None:
    """Write a batch down, with its requests and their work by key, within a transaction."""
    marks = ", ".join("?" * len(fields(BatchRow)))
    connection.execute(f"INSERT INTO batches ({_COLUMNS}) VALUES ({marks})", astuple(row))
    connection.executemany(
        "INSERT INTO batch_requests (key, tag, place, work, request) VALUES (?, ?, ?, ?, ?)",
        [
            (key, row.tag, place, work, zstd.compress(compact(request.canonical()).encode()))
            for place, (key, (work, request)) in enumerate(requests.items())
        ],
    )


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables, if they are not there, within a transaction."""
    for table in TABLES:
        connection.execute(table)


def next_attempt(connection: sqlite3.Connection, keys: Sequence[str]) -> int:
    """Return the number of batches with exactly these requests so far."""
    like = f"{tag_of(keys, 0).rpartition('-')[0]}-%"
    count: int = connection.execute("SELECT COUNT(*) FROM batches WHERE tag LIKE ?", (like,)).fetchone()[0]
    return count


def note_job(connection: sqlite3.Connection, tag: str, job: Job) -> None:
    """Write down how a batch stands, within a transaction."""
    note = f"{job.done + job.failed} of {job.total} done" if job.total else ""
    connection.execute("UPDATE batches SET id = ?, state = ?, note = ? WHERE tag = ?", (job.id, job.state, note, tag))


def close_batch(connection: sqlite3.Connection, tag: str, state: str, note: str) -> None:
    """Close a batch: what it still holds is to be asked again. Within a transaction."""
    connection.execute("DELETE FROM batch_requests WHERE tag = ?", (tag,))
    connection.execute("UPDATE batches SET is_open = 0, state = ?, note = ? WHERE tag = ?", (state, note, tag))


def note_gone(connection: sqlite3.Connection, endpoint: str, model: str, why: str) -> None:
    """Write down that a model is gone, in place of a batch to it, within a transaction."""
    make_tables(connection)
    count: int = connection.execute("SELECT COUNT(*) FROM batches WHERE state = ?", (GONE,)).fetchone()[0]
    tag = f"gone-{endpoint}-{model}-{count}"
    note_batch(connection, BatchRow(tag, endpoint, model, "", GONE, 0, 0, None, now(), is_open=False, note=why), {})


def forget_batch(connection: sqlite3.Connection, tag: str) -> None:
    """Remove a batch that was never accepted, within a transaction."""
    connection.execute("DELETE FROM batch_requests WHERE tag = ?", (tag,))
    connection.execute("DELETE FROM batches WHERE tag = ?", (tag,))


def requests_of(connection: sqlite3.Connection, tag: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what a batch still holds: work and canonical request by key, in the order of its lines."""
    rows = connection.execute("SELECT key, work, request FROM batch_requests WHERE tag = ? ORDER BY place", (tag,))
    return {key: (work, jsontext.body(zstd.decompress(blob))) for key, work, blob in rows}


def take(connection: sqlite3.Connection, tag: str, key: str) -> bool:
    """Take a request out of its batch, within a transaction; False if it is not there (any more)."""
    return connection.execute("DELETE FROM batch_requests WHERE key = ? AND tag = ?", (key, tag)).rowcount == 1


def enqueued(connection: sqlite3.Connection, endpoint: str, model: str) -> int:
    """Return the prompt tokens of a model that wait in open batches, roughly."""
    return sum(row.tokens for row in open_batches(connection) if (row.endpoint, row.model) == (endpoint, model))


def request_from(canonical: Mapping[str, Any]) -> Request:
    """Return the request of a canonical form."""
    own = {field.name: canonical[field.name] for field in fields(ModelSettings) if field.name in canonical}
    settings = ModelSettings(**{**own, "stop": tuple(own["stop"])})
    messages = tuple(Message(message["role"], message["content"]) for message in canonical["messages"])
    return Request(canonical["address"], settings, messages, canonical["schema"])


def now() -> float:
    """Return the time a batch is written down at; it decides nothing but how far back a search goes."""
    return time.time()
