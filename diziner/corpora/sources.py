"""One loader for all benchmarks and sources; what differs between benchmarks is in their cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from diziner.common.errors import UserError
from diziner.common.files import write_jsonl
from diziner.corpora.card import SPLITS, Card, Layout
from diziner.corpora.corpus import Corpus, Labelled, Source
from diziner.corpora.counts import count_differences, expected_counts
from diziner.corpora.decode import Decoder
from diziner.corpora.reader import Reader
from diziner.corpora.rows import Table
from diziner.corpora.textfiles import column_rows, jsonl_rows, sample_rows, split_rows

JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")
COLUMN_SUFFIXES = (".conll", ".conllu", ".tsv", ".txt", ".bio", ".iob", ".iob2")


_USUAL = Layout()


def source_of(card: Card, wanted: Source) -> Source:
    """Where a benchmark is loaded from: as `wanted`, but an own corpus has only the file in its room."""
    return wanted if card.sample_is_stand_in else "sample"


def load_source(card: Card, room: Path, source: Source, local_dir: Path | None, skip_bad: Path | None = None) -> Corpus:
    """Load a benchmark: the room's `sample`, the user's files below `local_dir/<name>`, or the `hub`.

    Document ids are the source's own, else `<name>-<split>-<index of the row, 5 digits>`. `skip_bad`
    names a file: bad rows are then left out and written there, as JSON Lines with where, reason and row.

    Raises:
        UserError: the card has no such source, files or splits are missing, the first bad row (without
            `skip_bad`), or counts that differ from the card's (unless bad rows were left out).
    """
    corpus, rejected = read_source(card, room, source, local_dir, skip=skip_bad is not None)
    if skip_bad is not None:
        write_jsonl(skip_bad, rejected)
    differences = count_differences(expected_counts(card, source), corpus)
    if differences and not corpus.bad:
        raise UserError(f"{card.name} ({source}): {'; '.join(differences)}; mend the data or the card's counts")
    return corpus


class Loaded(NamedTuple):
    """A corpus, and the rows that were left out of it: where, reason, row."""

    corpus: Corpus
    rejected: list[dict[str, object]]


def read_source(card: Card, room: Path, source: Source, local_dir: Path | None, skip: bool) -> Loaded:
    """As `load_source`, but counts are not compared, and bad rows, if skipped, are handed back."""
    layout = _layout(card, source)
    reader = Reader(card.name, skip)
    splits: dict[str, tuple[Labelled, ...]] = {}
    for split in SPLITS:
        documents: list[Labelled] = []
        for table in _tables(card, room, source, local_dir, split):
            decoder = Decoder(card.types, _names(table, layout, card), layout.label_map)
            documents += reader.read(table, decoder)
        if not documents:
            last = reader.rejected[-1] if reader.rejected else None
            reason = f"; {last['where']}: {last['reason']}" if last else ""
            raise UserError(f"{card.name} ({source}): split {split} has no good row{reason}")
        splits[split] = tuple(documents)
    corpus = Corpus(splits["pilot"], splits["test"], reader.repairs, len(reader.rejected), source)
    return Loaded(corpus, reader.rejected)


def _layout(card: Card, source: Source) -> Layout:
    available = {"sample": card.sample, "local": card.local, "hub": card.hub}
    if source not in available or available[source] is None:
        names = ", ".join(name for name, value in available.items() if value is not None)
        how = f"; {card.local.how}" if card.local and source == "hub" else ""
        raise UserError(f"{card.name}: no source {source!r}; the card has: {names}{how}")
    if source == "local" and card.local:
        return card.local.layout
    return card.hub.layout if source == "hub" and card.hub else Layout()


def _tables(card: Card, room: Path, source: Source, local_dir: Path | None, split: str) -> Iterator[Table]:
    if source == "sample" and card.sample:
        path = room / card.sample.file
        yield Table(split, split_rows(path, split) if path.suffix in JSON_SUFFIXES else sample_rows(path, split))
    elif source == "local" and card.local:
        if local_dir is None:
            raise UserError(f"{card.name}: source 'local' needs the folder of your files; {card.local.how}")
        path = local_dir / card.name / card.local.files[split]
        if not path.exists():
            raise UserError(f"{path}: no such file; {card.local.how}")
        yield file_table(path, split, card.local.layout)
    elif source == "hub" and card.hub:
        from diziner.corpora.arrow import hub_table

        for name in card.hub.splits[split]:
            yield hub_table(card.hub, name)


def file_table(path: Path, split: str, layout: Layout = _USUAL) -> Table:
    """The rows of a file of any known kind, by its ending; UserError for another."""
    if path.suffix in JSON_SUFFIXES:
        return Table(split, jsonl_rows(path, layout.columns))
    if path.suffix in COLUMN_SUFFIXES:
        return Table(split, column_rows(path, layout.columns))
    from diziner.corpora.arrow import parquet_table, saved_table

    if path.is_dir():
        return saved_table(path, layout.columns, split)
    if path.suffix == ".parquet":
        return parquet_table(path, layout.columns, split)
    kinds = " ".join((*JSON_SUFFIXES, *COLUMN_SUFFIXES, ".parquet"))
    raise UserError(f"{path}: unknown kind of file; allowed: {kinds}, or a folder of Dataset.save_to_disk")


def _names(table: Table, layout: Layout, card: Card) -> tuple[str, ...]:
    """Names of integer tags. The card and the dataset must not contradict each other: a list in another
    order would give every mention a wrong label."""
    if table.names and layout.labels and table.names != layout.labels:
        pairs = zip(table.names, layout.labels, strict=False)
        place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(table.names), len(layout.labels)))
        theirs, ours = (names[place : place + 1] or ("nothing",) for names in (table.names, layout.labels))
        raise UserError(
            f"{card.name}: labels of the card and of split {table.split} differ at {place}: "
            f"{ours[0]!r} and {theirs[0]!r}"
        )
    return layout.labels or table.names
