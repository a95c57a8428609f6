"""Review queue of a vote: documents that a person should look at, the least sure first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from diziner.common.exact import as_written
from diziner.common.files import atomic, dump_line
from diziner.labelling.row_files import Row, read_rows

QUEUE = "review.jsonl"

WriteRows = Callable[[Path, Iterable[Row]], None]  # writes rows, in order, to a file


def write_lines(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON Lines."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{dump_line(row)}\n" for row in rows)


def write_queue(queue: Path, shards: Sequence[Path], below: float, write: WriteRows = write_lines) -> int:
    """Write the rows of voted shards whose confidence is less than `below`, and return how many there are.

    A document on which fewer than two voted comes first, since nobody knows how sure its annotation is; then those of
    the least confidence, of equals those of the greatest disagreement, else in the order of the shards. Rows are
    sorted on disk: there are never more in memory than a shard has. `write` gives them a form.
    """
    with closing(sqlite3.connect("")) as sorter:  # a file of its own, which goes with the connection
        sorter.execute("CREATE TABLE queue (confidence REAL, disagreement REAL, row TEXT)")
        for shard in shards:
            sorter.executemany("INSERT INTO queue VALUES (?, ?, ?)", _doubtful(read_rows(shard), below))
        [(count,)] = sorter.execute("SELECT COUNT(*) FROM queue")
        # SQLite sorts NULL before all else.
        ordered = sorter.execute("SELECT row FROM queue ORDER BY confidence, disagreement DESC, rowid")
        write(queue, (json.loads(row) for (row,) in ordered))
    return int(count)


def _doubtful(rows: Iterable[Row], below: float) -> Iterator[tuple[float | None, float | None, str]]:
    limit = as_written(below)
    for row in rows:
        confidence = row["confidence"]
        if confidence is None or as_written(confidence) < limit:
            yield confidence, row["disagreement"], dump_line(row)
