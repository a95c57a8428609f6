"""Input files of a labelling: documents one after the other, never more than a few in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from diziner.common.errors import UserError
from diziner.corpora.decode import Decoder
from diziner.corpora.rows import Row, Unreadable, select_columns
from diziner.corpora.textfiles import jsonl_rows, text_rows
from diziner.records.documents import Document

JSON_LINES = (".jsonl", ".ndjson")
PLAIN_TEXT = (".txt", ".text")
PARQUET = (".parquet",)
_KINDS = (*JSON_LINES, *PLAIN_TEXT, *PARQUET)
_ROWS_AT_A_TIME = 1024
# Gold is left where it is: an annotator labels what it reads, nothing else.
_USED = ("id", "tokens", "text")
_DECODER = Decoder(None)


class Item(NamedTuple):
    """A row, and the id of its document if it has none of its own: `<file>:<number of the row, from 1>`."""

    fallback_id: str
    row: Row | Unreadable


class Files(NamedTuple):
    """The files of an input, in the order in which they are read, and the names of those that are not read."""

    read: tuple[Path, ...]
    ignored: tuple[str, ...]


def files_of(source: Path) -> Files:
    """Return a file, or the files of a folder by name; those of folders below it and hidden ones are not looked at.

    Errors: UserError if there is nothing to read.
    """
    kinds = " ".join(_KINDS)
    if source.is_file():
        if source.suffix not in _KINDS:
            raise UserError(f"{source}: unknown kind of file; allowed: {kinds}, or a folder of such files")
        return Files((source,), ())
    if not source.is_dir():
        raise UserError(f"{source}: no such file or folder")
    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    found = tuple(path for path in files if path.suffix in _KINDS)
    if not found:
        raise UserError(f"{source}: no file to read in it; allowed: {kinds}")
    return Files(found, tuple(path.name for path in files if path.suffix not in _KINDS))


def items_of(files: Files) -> Iterator[Item]:
    """Yield all rows of the files, in order.

    Errors: UserError for a file that cannot be read at all.
    """
    for path in files.read:
        for number, row in enumerate(_rows(path), 1):
            yield Item(f"{path.name}:{number}", row)


def document_of(item: Item) -> Document:
    """Return the document of a row: its own tokens, else those of its text.

    Errors: UserError with the place of a row that holds no document.
    """
    row = item.row
    if isinstance(row, Unreadable):
        raise UserError(f"{row.where}: {row.reason}")
    decoded = _DECODER.decode(Row(row.where, {key: row.value[key] for key in _USED if key in row.value}))
    return Document(decoded.id or item.fallback_id, decoded.tokens, decoded.text)


def _rows(path: Path) -> Iterator[Row | Unreadable]:
    if path.suffix in JSON_LINES:
        return jsonl_rows(path, {})
    return text_rows(path) if path.suffix in PLAIN_TEXT else _parquet_rows(path)


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            columns = _columns(file.schema_arrow.names, path)
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=sorted(set(columns.values()))):
                for row in batch.to_pylist():
                    yield Row(f"{path}, row {number}", {key: row[column] for key, column in columns.items()})
                    number += 1
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"{path}: cannot be read as parquet after row {number}: {reason}") from None


def _columns(names: list[str], path: Path) -> Mapping[str, str]:
    chosen = select_columns(names, {}, str(path), usual_id=True)
    return {key: chosen[key] for key in _USED if key in chosen}
