"""Requests as deltas: what thousands of them share, the guideline above all, is stored once.

A request is compressed with zstd against a base: an earlier request that began alike, kept whole. A short or a new
one is compressed alone, or becomes a base itself. Which base was taken does not matter to who reads: the key of a row
is the digest of its request.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from diziner.llm.rows import DamagedRowError

BASES = (
    # Numbers are never given out again: a row whose base is gone is found out, not read with another.
    "CREATE TABLE bases (id INTEGER PRIMARY KEY AUTOINCREMENT, beginning TEXT NOT NULL, request TEXT NOT NULL)",
    "CREATE INDEX bases_by_beginning ON bases (beginning)",
)

_SHORT = 1024  # characters; of so little nothing can be saved
_BEGINNING = 512  # characters that requests have in common if they may share more
_TRIED = 8  # bases, the newest of those that begin alike
_REMEMBERED = 2000  # bases of some kilobytes
_GOOD, _USEFUL = 1 / 16, 1 / 4  # of a request's length: no other base is tried; a new base is not worth it


def pack(connection: sqlite3.Connection, request: str) -> tuple[int | None, bytes]:
    """Return the base and the delta of a request in its canonical text, within a transaction."""
    text = request.encode()
    if len(request) < _SHORT:
        return None, zstd.compress(text)
    beginning = hashlib.sha256(request[:_BEGINNING].encode()).hexdigest()[:16]
    best: tuple[int | None, bytes] = None, text
    for base, other in connection.execute(
        "SELECT id, request FROM bases WHERE beginning = ? ORDER BY id DESC LIMIT ?", (beginning, _TRIED)
    ):
        delta = zstd.compress(text, zstd_dict=_dictionary(other))
        if len(delta) < len(best[1]):
            best = base, delta
        if len(delta) < len(text) * _GOOD:
            break
    if len(best[1]) < len(text) * _USEFUL:
        return best
    added = connection.execute("INSERT INTO bases (beginning, request) VALUES (?, ?)", (beginning, request)).lastrowid
    return added, zstd.compress(text, zstd_dict=_dictionary(request))


class Unpacker:
    """Gives requests back their text. For one reading: bases may be removed between two."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[int, zstd.ZstdDict] = {}

    def unpack(self, base: int | None, delta: bytes) -> str:
        """Return the canonical text of a request. Errors: DamagedRowError."""
        try:
            return zstd.decompress(delta, zstd_dict=None if base is None else self._base(base)).decode()
        except (zstd.ZstdError, UnicodeDecodeError, TypeError) as error:
            raise DamagedRowError(f"a request cannot be read: {error}") from None

    def _base(self, base: int) -> zstd.ZstdDict:
        if base not in self._known:
            if len(self._known) == _REMEMBERED:
                self._known.clear()
            row = self._connection.execute("SELECT request FROM bases WHERE id = ?", (base,)).fetchone()
            if row is None:
                raise DamagedRowError(f"the base {base} of a request is missing")
            self._known[base] = _dictionary(row[0])
        return self._known[base]


def remove_unused(connection: sqlite3.Connection) -> None:
    """Remove bases that no row needs, within a transaction."""
    connection.execute("DELETE FROM bases WHERE id NOT IN (SELECT base FROM responses WHERE base IS NOT NULL)")


def _dictionary(request: str) -> zstd.ZstdDict:
    return zstd.ZstdDict(request.encode(), is_raw=True)
