"""Originals of benchmarks, as their publishers give them out, made the local files that a card describes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.corpora import ace2005, genia
from diziner.corpora.card import SPLITS, Card
from diziner.corpora.corpus import Labelled
from diziner.corpora.decode import Decoder
from diziner.corpora.reader import Reader
from diziner.forms.choices import Choices
from diziner.forms.form import Task
from diziner.forms.rows import Table
from diziner.forms.table import table_of
from diziner.spans.tags import spans_to_tags

# Forms of their own, by a card's `original.form`, with what a folder is to hold; all others are columns.
_READERS: Mapping[str, tuple[Callable[[Path, str, Sequence[str]], Iterator[Table]], str]] = {
    "ace2005": (ace2005.split_tables, "data/English of LDC2006T06"),
    "genia": (genia.split_tables, f"{genia.FILE} of the term corpus 3.02"),
}


@dataclass(frozen=True, slots=True)
class Converted:
    """Documents of the splits; `repairs` counts what was mended, `dropped` the pilot documents that are in the test
    split, which a cut copy leaves out."""

    splits: Mapping[str, tuple[Labelled, ...]]
    repairs: int
    dropped: int = 0


def convert(card: Card, folder: Path) -> Converted:
    """Read a benchmark's original files below `folder`, whole and in their order, as the card's `original` says.

    Errors: UserError for a card that says nothing of its original, files that are missing, and bad rows.
    """
    original = _original(card)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; it is to hold {_wanted(card, original)}")
    reader = Reader(card.name, skip=False)
    splits: dict[str, tuple[Labelled, ...]] = {}
    for split in SPLITS:
        documents: list[Labelled] = []
        for table in _tables(card, original, folder, split):
            documents += reader.read(table, Decoder(card.types, label_map=card.sources["local"].layout.label_map))
        if not documents:
            raise UserError(f"{folder}: no documents of the {split} split of {card.name}")
        splits[split] = tuple(documents)
    return Converted(splits, reader.repairs)


def cut(card: Card, whole: Converted) -> Converted:
    """Return the smaller copy that the card describes: pilot documents whose text is in the whole test split are left
    out; of a split that is longer than its limit, the first so many in the order of a seeded shuffle are taken.

    Errors: UserError for a card without limits.
    """
    limits = _original(card).get("cut")
    if limits is None:
        raise UserError(f"{card.name}: its card describes no smaller copy; leave out --cut")
    in_test = {each.document.tokens for each in whole.splits["test"]}
    kept = tuple(each for each in whole.splits["pilot"] if each.document.tokens not in in_test)
    chosen = {"pilot": kept, "test": whole.splits["test"]}
    splits = {split: _first(documents, limits[split], limits["seed"]) for split, documents in chosen.items()}
    return Converted(splits, whole.repairs, len(whole.splits["pilot"]) - len(kept))


def rows_of(documents: Iterable[Labelled]) -> Iterator[dict[str, object]]:
    """Yield documents as the rows of a local file: tokens with BIO2 tags; of texts without tokens, character spans."""
    for each in documents:
        if each.own_tokens:
            pairs = zip(each.characters, each.spans or (), strict=True)
            spans = [[*place, span.type] for place, span in pairs]
            yield {"id": each.document.id, "text": each.document.text, "spans": spans}
            continue
        tags = spans_to_tags(each.spans or (), len(each.document.tokens))
        yield {"id": each.document.id, "tokens": list(each.document.tokens), "ner_tags": list(tags)}


def _first(documents: Sequence[Labelled], limit: int, seed: int) -> tuple[Labelled, ...]:
    if len(documents) <= limit:
        return tuple(documents)
    order = list(range(len(documents)))
    random.Random(seed).shuffle(order)
    return tuple(documents[place] for place in order[:limit])


def _original(card: Card) -> Mapping[str, Any]:
    local = card.sources.get("local")
    original: Mapping[str, Any] | None = local.options.get("original") if local else None
    if original is None:
        raise UserError(
            f"{card.name}: its card says nothing of an original to convert{f'; {local.how}' if local else ''}"
        )
    return original


def _wanted(card: Card, original: Mapping[str, Any]) -> str:
    if own := _READERS.get(original.get("form", "")):
        return own[1]
    return ", ".join(name for split in SPLITS for name in original[split].values())


def _tables(card: Card, original: Mapping[str, Any], folder: Path, split: str) -> Iterator[Table]:
    if own := _READERS.get(original.get("form", "")):
        yield from own[0](folder, split, card.types)
        return
    for name, file in original[split].items():
        path = folder / file
        if not path.is_file():
            raise UserError(f"{path}: no such file; {card.name} is converted from {_wanted(card, original)}")
        choices = Choices(columns=original.get("columns", {}), form="columns", only_named=True)
        yield replace(table_of(Task(path, choices, gold="needed", split=name)), split=name)
