"""Vectors that were computed before, by key, in one SQLite file that checkouts share.

A cache and nothing more: a file that is damaged is made anew, one that cannot be written or is held too long is
done without, and the caller computes what it does not find. Safe for several processes at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

MOST = 200_000  # vectors kept, about 350 MB at 384 numbers each; the oldest go first
_CHUNK = 500  # keys per query, below SQLite's limit on variables
_CHECK = 8  # bytes of each row's checksum


class VectorCache:
    """Rows of 32-bit whole numbers by key, in the file at `path`, which the first `put` makes.

    `most` is how many rows are kept, `busy_s` how long to wait for another process that holds the file.
    """

    def __init__(self, path: Path, most: int = MOST, busy_s: float = 30.0) -> None:
        self.path = path
        self._most = most
        self._busy_s = busy_s

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.int32]]:
        """Find the rows there are among `keys`; one that does not fit its checksum counts as not there."""
        import numpy as np

        found: dict[bytes, NDArray[np.int32]] = {}

        def read(connection: sqlite3.Connection) -> None:
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                for key, row in connection.execute(f"SELECT key, row FROM vectors WHERE key IN ({marks})", chunk):
                    if row[-_CHECK:] == _checksum(key, row[:-_CHECK]):
                        found[key] = np.frombuffer(row[:-_CHECK], "<i4").astype(np.int32)

        if self.path.exists():
            self._try(read)
        return found

    def put(self, rows: Mapping[bytes, NDArray[np.int32]]) -> None:
        """Keep rows, in one transaction, and drop the oldest above the limit."""
        packed = [(key, numbers.astype("<i4").tobytes()) for key, numbers in rows.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO vectors (key, row) VALUES (?, ?)",
                [(key, numbers + _checksum(key, numbers)) for key, numbers in packed],
            )
            connection.execute(
                "DELETE FROM vectors WHERE number <= (SELECT max(number) FROM vectors) - ?", (self._most,)
            )
            connection.commit()

        self._try(write)

    def _try(self, step: Callable[[sqlite3.Connection], None]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self.path, timeout=self._busy_s)) as connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (number INTEGER PRIMARY KEY, key BLOB UNIQUE, row BLOB)"
                )
                step(connection)
        except (sqlite3.OperationalError, OSError):
            pass  # held too long by another process, a full disk, a folder that cannot be written: done without
        except sqlite3.DatabaseError:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)  # damaged


def _checksum(key: bytes, numbers: bytes) -> bytes:
    return hashlib.blake2b(key + numbers, digest_size=_CHECK).digest()
