"""Shards: runs of consecutive documents; a shard's name is a digest of all that shapes its rows."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TextIO, TypeVar

from diziner.common.errors import UserError
from diziner.common.files import dump_line
from diziner.forms.rows import Unreadable
from diziner.labelling.input_files import Files, InputDocument, Item, document_of, items_of
from diziner.records.documents import Document

T = TypeVar("T")
Reject = Callable[[Item, UserError], None]

_ROWS_A_LINE = 200_000


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard: the next `rows` rows of the input, of which `documents` are good; `name` is without an ending."""

    number: int
    name: str
    rows: int
    documents: int


@dataclass(frozen=True, slots=True)
class Survey:
    """The whole input, cut into shards, and how many bad rows are left out of it."""

    shards: tuple[Shard, ...]
    documents: int
    rejected: int


def survey(
    files: Files,
    size: int,
    recipe: str,
    reject: Reject | None,
    read: Callable[[int], None],
    see: Sequence[Callable[[Document], None]] = (),
) -> Survey:
    """Read everything once, keeping nothing but digests and 8 bytes a document, before any model is asked.

    `recipe` is the digest of all that shapes rows but the documents. `reject` gets bad rows, to leave them out;
    None: the first one ends it. `read` is told how many rows each shard had, each of `see` is shown each document.
    Errors: UserError for a bad row, an id that occurs twice, no documents at all.
    """
    shards: list[Shard] = []
    rejected = 0
    ids = array("q")
    for number, rows in enumerate(in_groups(items_of(files), size)):
        documents = []
        for item in rows:
            try:
                documents.append(document_of(item))
            except UserError as error:
                if reject is None:
                    raise UserError(f"{error}; mend it, or leave such rows out with --skip-bad") from None
                reject(item, error)
                rejected += 1
        for look in see:
            for document in documents:
                look(document)
        ids.extend(hash(document.id) for document in documents)
        shards.append(Shard(number, f"{number:06d}-{digest_of(recipe, documents)}", len(rows), len(documents)))
        read(len(rows))
    if not ids:
        raise UserError(f"{files.read[0].parent if len(files.read) > 1 else files.read[0]}: no documents in it")
    _refuse_repeated(ids, files)
    return Survey(tuple(shards), len(ids), rejected)


def reading(stream: TextIO) -> Callable[[int], None]:
    """Make a counter of rows read that says their sum every 200,000: the first look at a large input takes its time."""
    rows = said = 0

    def read(more: int) -> None:
        nonlocal rows, said
        rows += more
        if rows - said >= _ROWS_A_LINE:
            said = rows
            stream.write(f"reading: {rows:,} rows\n")
            stream.flush()

    return read


def digest_of(recipe: str, documents: Iterable[InputDocument]) -> str:
    """Return 16 hex digits of SHA-256 over a recipe and documents, with all that goes through to their rows."""
    digest = hashlib.sha256(recipe.encode())
    for document in documents:
        digest.update(f"{dump_line(document.row())}\n".encode())
    return digest.hexdigest()[:16]


def documents_of(
    files: Files, shards: Iterable[Shard], recipe: str, done: Collection[str]
) -> Iterator[tuple[Shard, list[InputDocument]]]:
    """Yield the documents of each shard whose name is not among `done`, in order.

    Errors: UserError if the input is no longer what it was when the shards were cut.
    """
    items = items_of(files)
    for shard in shards:
        rows = list(islice(items, shard.rows))
        if shard.name in done:
            continue
        documents = []
        for item in rows:
            try:
                documents.append(document_of(item))
            except UserError:
                continue  # a bad row: listed when the shards were cut
        if digest_of(recipe, documents) != shard.name.partition("-")[2]:
            raise UserError(f"{files.read[0].parent}: the input changed while it was read; run again")
        yield shard, documents


def in_groups(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the values in lists of `size`; the last may be shorter."""
    source = iter(values)
    for first in source:
        yield [first, *islice(source, size - 1)]


def _refuse_repeated(ids: array[int], files: Files) -> None:
    """Refuse repeated documents, by hashes first: only if two are equal is the input read for ids again."""
    import numpy as np

    ordered = np.sort(np.frombuffer(ids, dtype=np.int64))
    suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not suspects:
        return
    places: dict[str, str] = {}
    for item in items_of(files):
        if isinstance(item.row, Unreadable):
            continue
        try:
            identifier = document_of(item).id
        except UserError:
            continue
        if hash(identifier) in suspects:
            if identifier in places:
                where = item.row.where
                raise UserError(f"{where}: id {identifier!r} is also at {places[identifier]}; ids must be unique")
            places[identifier] = item.row.where
