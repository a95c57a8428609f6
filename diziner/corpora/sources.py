"""Corpus sources: one loader for all benchmarks; what differs between them is in their cards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from diziner.common import plugins
from diziner.common.errors import UserError
from diziner.common.files import violation, write_jsonl
from diziner.common.options import LARGEST_SEED
from diziner.corpora.at_hand import missing_files, no_source
from diziner.corpora.card import CARD_FILE, SPLITS, Card, Layout, SourceEntry
from diziner.corpora.corpus import Corpus, Labelled
from diziner.corpora.counts import count_differences, expected_counts
from diziner.corpora.decode import Decoder
from diziner.corpora.reader import Reader
from diziner.corpora.textfiles import sample_rows, split_rows
from diziner.forms.choices import Choices
from diziner.forms.form import Task
from diziner.forms.rows import Table
from diziner.forms.table import JSON_ENDINGS, table_of

PLUG_IN_GROUPS = ("diziner.sources",)  # a stage with this module behind it has the sources' plug-ins behind it


_USUAL = Layout()


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin as a source is given it: the benchmark's name, its room, its card's entry, the folder of the user's
    files."""

    benchmark: str
    room: Path
    entry: SourceEntry
    local_dir: Path | None


@dataclass(frozen=True, slots=True)
class Source:
    """A place that benchmarks come from: `tables` gives the rows of a split, pilot or test.

    `options` is the JSON Schema of the keys of its own in a card (properties by name), `required` those that must be
    there. With `has_layout`, a card may also say how, columns, labels, label_map and expected.
    """

    tables: Callable[[Origin, str], Iterable[Table]]
    options: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    has_layout: bool = True


# What is built in; benchmark.schema.json is made from it.
SOURCES: dict[str, Source] = {}
_TEXT = {"type": "string", "minLength": 1}
_SPLIT_FILE = {**_TEXT, "description": "Below <local_dir>/<name>/."}


def source(
    name: str, options: Mapping[str, Any], required: Sequence[str], has_layout: bool = True
) -> Callable[[Callable[[Origin, str], Iterable[Table]]], Callable[[Origin, str], Iterable[Table]]]:
    """Register the decorated function as a source that is built in; see `Source`."""

    def register(tables: Callable[[Origin, str], Iterable[Table]]) -> Callable[[Origin, str], Iterable[Table]]:
        SOURCES[name] = Source(tables, options, tuple(required), has_layout)
        return tables

    return register


@source("sample", {"file": _TEXT}, required=["file"], has_layout=False)
def sample_tables(origin: Origin, split: str) -> Iterator[Table]:
    """Yield a corpus in the room itself: bracket notation with a section a split, or JSON Lines with a key `split`."""
    path = origin.room / origin.entry.options["file"]
    yield Table(split, split_rows(path, split) if path.suffix in JSON_ENDINGS else sample_rows(path, split))


_FILES = {
    "description": "Split's own name -> file below the folder that is converted.",
    "type": "object",
    "minProperties": 1,
    "additionalProperties": _TEXT,
}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": 100_000_000}
_SEED = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}
_OWN_FORMS = ["ace2005", "genia"]  # read by modules of their own, which know the splits
_ORIGINAL = {
    "description": "What `diziner data convert` makes the local files of.",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "form": {"enum": ["columns", *_OWN_FORMS]},
        "pilot": _FILES,
        "test": _FILES,
        "columns": {"$ref": "#/definitions/columns"},
        "cut": {
            "description": "The smaller copy: of a split with more sentences, so many in a seeded shuffle's order.",
            "type": "object",
            "additionalProperties": False,
            "required": [*SPLITS, "seed"],
            "properties": {
                **dict.fromkeys(SPLITS, _LIMIT),
                "seed": _SEED,
            },
        },
    },
    "oneOf": [{"required": list(SPLITS)}, {"required": ["form"], "properties": {"form": {"enum": _OWN_FORMS}}}],
}


@source("local", {"pilot": _SPLIT_FILE, "test": _SPLIT_FILE, "original": _ORIGINAL}, required=["pilot", "test", "how"])
def local_tables(origin: Origin, split: str) -> Iterator[Table]:
    """Yield the user's files below `<local_dir>/<name>/`, one for each split."""
    if reason := missing_files(origin.benchmark, origin.entry, origin.local_dir, [split]):
        raise UserError(reason)
    if origin.local_dir is not None:
        path = origin.local_dir / origin.benchmark / origin.entry.options[split]
        yield file_table(path, split, origin.entry.layout)


_HUB_OPTIONS = {
    "id": _TEXT,
    "config": _TEXT,
    "revision": {**_TEXT, "description": "Commit, tag or branch."},
    "files": {
        "description": "Hub split -> data file in the repository, where the plain load would mix in others.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _TEXT,
    },
    "splits": {
        "type": "object",
        "additionalProperties": False,
        "required": list(SPLITS),
        "properties": {
            split: {"type": "array", "minItems": 1, "uniqueItems": True, "items": _TEXT} for split in SPLITS
        },
    },
}


@source("hub", _HUB_OPTIONS, required=["id", "revision", "splits"])
def hub_tables(origin: Origin, split: str) -> Iterator[Table]:
    """Yield a dataset of a hub, at a pinned revision; `splits` maps pilot and test to the hub's own splits."""
    from diziner.corpora.arrow import hub_table

    for name in origin.entry.options["splits"][split]:
        yield hub_table(origin.entry.options, origin.entry.layout.columns, name)


def source_of(card: Card, wanted: str) -> str:
    """Return where a benchmark is loaded from: as `wanted`, but an own corpus has only the file in its room."""
    return wanted if card.sample_is_stand_in else "sample"


def load_source(
    card: Card, room: Path, source: str, local_dir: Path | None, skip_bad: Path | None = None, nested: bool = False
) -> Corpus:
    """Load a benchmark: the room's `sample`, the user's files below `local_dir/<name>`, the `hub`, a plug-in's.

    Document ids are the source's own, else `<name>-<split>-<index of the row, 5 digits>`. `skip_bad`
    names a file: bad rows are then left out and written there, as JSON Lines with where, reason and row.
    `nested`: overlapping gold spans are kept, all of them.

    Raises:
        UserError: the card has no such source, files or splits are missing, the first bad row (without
            `skip_bad`), or counts that differ from the card's (unless bad rows were left out).
    """
    corpus, rejected = read_source(card, room, source, local_dir, skip_bad is not None, nested)
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


def read_source(
    card: Card, room: Path, source: str, local_dir: Path | None, skip: bool, nested: bool = False
) -> Loaded:
    """Read like `load_source`, but compare no counts, and hand bad rows back, if they are skipped."""
    entry = _entry(card, source)
    kind = _kind(card, source, entry)
    origin = Origin(card.name, room, entry, local_dir)
    reader = Reader(card.name, skip)
    splits: dict[str, tuple[Labelled, ...]] = {}
    for split in SPLITS:
        documents: list[Labelled] = []
        for table in kind.tables(origin, split):
            decoder = Decoder(card.types, _names(table, entry.layout, card), entry.layout.label_map, nested=nested)
            documents += reader.read(table, decoder)
        if not documents:
            last = reader.rejected[-1] if reader.rejected else None
            reason = f"; {last['where']}: {last['reason']}" if last else ""
            raise UserError(f"{card.name} ({source}): split {split} has no good row{reason}")
        splits[split] = tuple(documents)
    corpus = Corpus(
        splits["pilot"],
        splits["test"],
        reader.repairs,
        len(reader.rejected),
        source,
        reader.overlapping,
        reader.discontinuous,
    )
    return Loaded(corpus, reader.rejected)


def _entry(card: Card, source: str) -> SourceEntry:
    if source not in card.sources:
        raise UserError(no_source(card, source))
    return card.sources[source]


def _kind(card: Card, name: str, entry: SourceEntry) -> Source:
    kind: Source = plugins.found(plugins.SOURCES, name, SOURCES, Source)
    if name not in SOURCES:  # a card is checked when it is read, but for what plug-ins want in it
        own = [key for key in kind.required if key in kind.options]
        schema = {"additionalProperties": False, "properties": dict(kind.options), "required": own}
        if reason := violation(dict(entry.options), schema):
            raise UserError(f"{card.name}: {CARD_FILE}: sources.{name}: {reason}")
    return kind


def file_table(path: Path, split: str, layout: Layout = _USUAL) -> Table:
    """Return the rows of a file of any known form; the columns that a card names are the only ones read.

    Errors: UserError as `diziner.forms.table.table_of`.
    """
    # Datasets of a hub number every split from 0, so that their ids are not unique.
    numbered = path.is_dir() or path.suffix == ".parquet"
    choices = Choices(layout.columns, layout.labels, usual_id=not numbered, only_named=True)
    return table_of(Task(path, choices, split=split))


def _names(table: Table, layout: Layout, card: Card) -> tuple[str, ...]:
    """Return names of integer tags. The card and the dataset must not contradict each other: a list in another
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
