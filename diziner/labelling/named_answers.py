"""Answers that outputs name: those of benchmarks by their usage files, those of labellings by their rows.

The response store knows the folders that were labelled into, so that answers which only their rows name are not taken
for waste.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_jsonl
from diziner.common.parquetfile import parquet_rows
from diziner.common.remote import Place, place_of
from diziner.forms.shards import MANIFEST
from diziner.labelling.remote_folder import out_folder
from diziner.layout import Room, rooms
from diziner.llm.store import ResponseStore
from diziner.records.usage import read_usage
from diziner.settings import Settings


def remember(store: ResponseStore, folder: Place) -> None:
    """Write down that rows of a folder name answers of the store; nothing where the store cannot be written to."""
    place = _name_of(folder)
    if place not in folders(store) and (os.access(store.path, os.W_OK) or not store.path.exists()):
        store.apply([lambda c: c.execute("INSERT OR IGNORE INTO label_folders VALUES (?)", (place,))])


def forget(store: ResponseStore, folder: Place) -> None:
    """Take a folder out of account: its answers may go. Errors: UserError for one that is not known."""
    place = _name_of(folder)
    if place not in folders(store):
        known = ", ".join(folders(store)) or "none"
        raise UserError(f"{place}: no folder that was labelled into; known are: {known}")
    store.apply([lambda c: c.execute("DELETE FROM label_folders WHERE path = ?", (place,))])


def folders(store: ResponseStore) -> list[str]:
    """Return the folders that were labelled into, sorted."""
    if not store.path.exists():
        return []
    query = "SELECT path FROM label_folders ORDER BY path"
    return [row[0] for row in store.read(lambda c: c.execute(query).fetchall())]


def named_answers(store: ResponseStore, settings: Settings) -> set[str]:
    """Return the keys of all answers that an output of a benchmark or a labelling names.

    Errors: UserError for an output that is missing, and for a label folder that is gone or not finished: the answers
    behind it cannot be told from waste.
    """
    named = {key for room in rooms() for key in used_keys(room, settings)}
    for place in map(place_of, folders(store)):
        with out_folder(place, "") as folder:
            names = folder.sizes()
            if not folder.has(MANIFEST):
                is_there = bool(names) or (isinstance(place, Path) and place.is_dir())
                state = "it was not labelled to the end" if is_there else "it is not there"
                raise UserError(
                    f"{place}: {state}, and its rows name answers; finish it or bring it back, or, if its answers may "
                    f"go, `diziner responses gc --forget {place}`"
                )
            for name in names:
                with folder.file(name) as file:
                    named.update(_keys_in(file))
    return named


def _name_of(folder: Place) -> str:
    return str(folder.absolute() if isinstance(folder, Path) else folder)


def used_keys(room: Room, settings: Settings) -> Iterable[str]:
    """Yield the keys of the requests behind a room's annotations, predictions and refinements.

    Errors: UserError with the path of an output that is missing.
    """
    for path in room.usage_files(settings.rounds, settings.pool, settings.selection.sampled):
        yield from (row.key for row in read_usage(path))


def _keys_in(file: Path) -> Iterator[str]:
    if file.suffix == ".parquet":
        for row in parquet_rows(file, ["responses"]):
            yield from row["responses"]
    else:
        for row in read_jsonl(file):
            yield from row["responses"]
