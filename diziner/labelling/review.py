"""Review queue of a vote: documents that a person should look at, the least sure first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from diziner.common import jsontext
from diziner.common.exact import as_written
from diziner.common.files import atomic, dump_line
from diziner.forms.exported import exported
from diziner.forms.writers import WRITERS
from diziner.labelling.row_files import Row, read_rows

_QUEUE = "review"


def queue_name(form: str) -> str:
    """Return the name of a folder's queue in a form of `WRITERS`, or, if that is empty, as rows."""
    return f"{_QUEUE}{WRITERS[form].ending if form else '.jsonl'}"


def queue_names() -> list[str]:
    """Return the names that a folder's queue can have, in whatever form it is."""
    return sorted({f"{_QUEUE}.jsonl", *(f"{_QUEUE}{writer.ending}" for writer in WRITERS.values())})


def write_queue(queue: Path, shards: Iterable[Path], below: float, form: str = "") -> int:
    """Write the rows of voted shards whose confidence is less than `below`, and return how many there are.

    A document on which fewer than two voted comes first, since nobody knows how sure its annotation is; then those of
    the least confidence, of equals those of the greatest disagreement, else in the order of the shards. Rows are
    sorted on disk: there are never more in memory than a shard has. `form` is one of `WRITERS`; empty: rows as they
    are.
    """
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for row in sorted_rows((row for shard in shards for row in read_rows(shard)), below):
            count += 1
            yield row

    if form:
        WRITERS[form].write(queue, map(exported, counted()))
    else:
        _write_lines(queue, counted())
    return count


def sorted_rows(rows: Iterable[Row], below: float | None = None) -> Iterator[Row]:
    """Yield voted rows, the least sure first; with `below` those alone that are less sure than that."""
    with closing(sqlite3.connect("")) as sorter:  # a file of its own, which goes with the connection
        sorter.execute("CREATE TABLE queue (confidence REAL, disagreement REAL, row TEXT)")
        sorter.executemany("INSERT INTO queue VALUES (?, ?, ?)", _doubtful(rows, below))
        # SQLite sorts NULL before all else.
        ordered = sorter.execute("SELECT row FROM queue ORDER BY confidence, disagreement DESC, rowid")
        for (row,) in ordered:
            yield jsontext.line(row)


def _doubtful(rows: Iterable[Row], below: float | None) -> Iterator[tuple[float | None, float | None, str]]:
    limit = None if below is None else as_written(below)
    for row in rows:
        confidence = row["confidence"]
        if confidence is None or limit is None or as_written(confidence) < limit:
            yield confidence, row["disagreement"], dump_line(row)


def _write_lines(path: Path, rows: Iterable[Row]) -> None:
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{dump_line(row)}\n" for row in rows)
