"""Parquet files: the one door by which rows are read from them, a batch in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diziner.common.errors import UserError

if TYPE_CHECKING:
    import pyarrow

_ROWS_AT_A_TIME = 1000
_LARGEST_GROUP = 2**36  # bytes of a row group as it says itself; what is damaged says much more


def parquet_schema(path: Path) -> pyarrow.Schema:
    """Return the columns of a file. Errors: UserError for a file that is missing or not parquet."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_schema(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, pyarrow.ArrowException, MemoryError) as error:
        raise UserError(f"{path}: not a parquet file: {first_line(error)}") from None


def parquet_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, with those of the columns named that it has; all, if none are named.

    Errors: as `parquet_schema`; UserError with the number of the row behind which it cannot be read.
    """
    import pyarrow
    import pyarrow.parquet

    names = parquet_schema(path).names
    chosen = None if columns is None else [name for name in columns if name in names]
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for place in range(file.metadata.num_row_groups):
                if not 0 <= file.metadata.row_group(place).total_byte_size <= _LARGEST_GROUP:
                    raise UserError(f"{path}: not a parquet file: a group of rows has an impossible size")
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=chosen):
                for row in batch.to_pylist():
                    yield row
                    number += 1
    except (pyarrow.ArrowException, OSError, MemoryError, UnicodeDecodeError, OverflowError) as error:
        raise UserError(f"{path}: cannot be read as parquet after row {number}: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says; the kind of error, if it says nothing."""
    lines: Sequence[str] = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
