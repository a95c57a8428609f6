"""Tables of the response store: how a row is kept, and the step to the present layout from each earlier one.

Layout 1 kept requests whole, and of a response a digest, or none in its first form, which had no accounts either.
Layout 2 keeps requests as deltas, replies with usage and provenance, refusals, claims and label folders.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from diziner.common import jsontext
from diziner.llm.claims import CLAIMS
from diziner.llm.deltas import BASES, pack
from diziner.llm.ledger import TABLES
from diziner.llm.rows import (
    REFUSAL,
    DamagedRowError,
    compact,
    rank,
    reply_from_json,
    reply_text,
    row_digest,
    sane,
)
from diziner.prompting.request import Reply, Response, key_of

LAYOUT = 2
# A third faster than json.loads.
_decoded: Callable[[str, int], tuple[Any, int]] = jsontext.scan_trusted

_RESPONSES = (
    "CREATE TABLE responses (id INTEGER PRIMARY KEY, key TEXT NOT NULL, rank INTEGER NOT NULL, base INTEGER, "
    "request BLOB NOT NULL, reply TEXT NOT NULL, digest TEXT NOT NULL)",
    "CREATE TABLE label_folders (path TEXT PRIMARY KEY) WITHOUT ROWID",
)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty store, within a transaction."""
    for table in (*_RESPONSES, *BASES, CLAIMS, *TABLES):
        connection.execute(table)
    connection.execute(f"PRAGMA user_version = {LAYOUT}")


def row_id(key: str) -> int:
    """Return where the row of a key lies: its first 60 bits, so that rows are in the order of keys and need no index.

    -1 for what is no key.
    """
    try:
        return int(key[:15], 16)
    except ValueError:
        return -1


def kept(connection: sqlite3.Connection, keys: Sequence[str], least: int = REFUSAL) -> dict[str, Reply]:
    """Return the replies of rank `least` and above among `keys`, at most 500 of them.

    Errors: DamagedRowError for one that was changed.
    """
    marks = ",".join("?" * len(keys))
    query = f"SELECT key, rank, reply, digest FROM responses WHERE id IN ({marks})"
    found: dict[str, Reply] = {}
    low: set[str] = set()
    for key, held, text, digest in connection.execute(query, [row_id(key) for key in keys]):
        if key in found:
            raise DamagedRowError(f"the row {key} is doubled")
        found[key] = reply_of(key, held, text, digest)
        if held < least:
            low.add(key)
    return {key: reply for key, reply in found.items() if key not in low} if low else found


def reply_of(key: str, held: int, text: str, digest: str) -> Reply:
    """Return the reply in a row, whose rank is `held`. Errors: DamagedRowError if it is not as it was kept."""
    try:
        if digest != row_digest(key, text):
            raise DamagedRowError("its digest is another")
        reply = reply_from_json(_decoded(text, 0)[0])
        if held != rank(reply):
            raise DamagedRowError("its rank is not that of its reply")
        return reply
    except (ValueError, StopIteration, RecursionError) as error:
        raise DamagedRowError(f"the reply to {key} was changed after it was kept: {error}") from None


def keep(connection: sqlite3.Connection, key: str, request: dict[str, object], reply: Reply) -> int:
    """Keep one reply within a transaction; 1 if it was new or replaces one of lower rank, else 0.

    Numbers that no provider can mean are left out, the answer is kept.
    """
    reply = sane(reply)
    text = reply_text(reply)
    held = connection.execute("SELECT rank, key FROM responses WHERE id = ?", (row_id(key),)).fetchone()
    if held is not None and held[1] != key:
        raise DamagedRowError(f"the place of {key} is taken by {held[1]}")
    if held is not None and held[0] >= rank(reply):
        return 0
    base, delta = pack(connection, compact(request))
    connection.execute(
        "INSERT INTO responses (id, key, rank, base, request, reply, digest) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET rank = excluded.rank, reply = excluded.reply, digest = excluded.digest",
        (row_id(key), key, rank(reply), base, delta, text, row_digest(key, text)),
    )
    return 1


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a store of layout 1 to the present one, within a transaction: it is whole before, and whole after.

    Errors: DamagedRowError for a row that is not as it was kept.
    """
    columns = {row[1] for row in connection.execute("PRAGMA table_info(responses)")}
    digest = "digest" if "digest" in columns else "NULL"
    spending = {row[1] for row in connection.execute("PRAGMA table_info(spending)")}
    connection.execute("ALTER TABLE responses RENAME TO earlier")
    if spending:
        connection.execute("ALTER TABLE spending ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0")
    create(connection)
    for key, request, text, held in connection.execute(f"SELECT key, request, response, {digest} FROM earlier"):
        if held is not None and held != hashlib.sha256(f"{key} {text}".encode()).hexdigest()[:16]:
            raise DamagedRowError(f"the response to {key} was changed after it was kept")
        try:
            asked, response = jsontext.body(request), Response(**jsontext.body(text))
            if not isinstance(response.text, str):
                raise TypeError("its text is no text")
        except (TypeError, ValueError) as error:
            raise DamagedRowError(f"the row {key} cannot be read: {error}") from None
        if key_of(asked) != key:
            raise DamagedRowError(f"the key {key} does not fit its request")
        keep(connection, key, asked, response)
    connection.execute("DROP TABLE earlier")
