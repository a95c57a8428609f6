"""Folder that `diziner label` wrote: its shards one after another, read as one file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from diziner.common.errors import UserError
from diziner.forms import arrowfiles, jsonforms
from diziner.forms.form import Look, Task
from diziner.forms.rows import Row, Table, Unreadable

MANIFEST = "manifest.json"
NAME = r"\d{6,}-[0-9a-f]{16}"  # of a shard, without its ending
_SHARD = re.compile(rf"{NAME}\.(jsonl|parquet)")


def is_shard(name: str) -> bool:
    """Return whether a file of that name is a shard, of whatever labelling."""
    return bool(_SHARD.fullmatch(name))


def shard_files(folder: Path) -> list[Path]:
    """Return all shards in a folder, sorted, of whatever labelling; none where there is no such folder."""
    return sorted(file for file in folder.iterdir() if is_shard(file.name)) if folder.is_dir() else []


def complete_shards(folder: Path) -> list[Path]:
    """Return the shards of a labelling that has ended; none where the folder is not one of a labelling.

    Errors: UserError for a labelling that was stopped and has not been finished: its documents would not be all.
    """
    shards = shard_files(folder)
    if shards and not (folder / MANIFEST).is_file():
        raise UserError(f"{folder}: the labelling is not complete: run the same `diziner label` again, or give a shard")
    return shards


def shards_table(task: Task) -> Table:
    """Return the rows of all shards, in order.

    Errors: UserError for a labelling that is not complete, and as the forms of the shards.
    """
    repairs: Counter[str] = Counter()
    return Table(task.split, _rows(task, complete_shards(task.path), repairs), repairs=repairs)


def looks_like_shards(look: Look) -> bool:
    """Whether a folder has shards."""
    return bool(shard_files(look.path))


def _rows(task: Task, shards: Sequence[Path], repairs: Counter[str]) -> Iterator[Row | Unreadable]:
    for shard in shards:
        read = arrowfiles.parquet_table if shard.suffix == ".parquet" else jsonforms.json_table
        table = read(replace(task, path=shard))
        yield from table.rows
        repairs.update(table.repairs)
