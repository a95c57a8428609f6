"""A room for a corpus of the user's own: texts in, documents with splits, a card and a guideline to fill in out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.contracts import EntityType, Goal, Guideline
from stages.corpora.decode import Decoder
from stages.corpora.reader import Reader
from stages.corpora.records import Labelled
from stages.corpora.rows import Row, Table
from stages.corpora.sources import file_table
from stages.errors import UserError
from stages.files import read_text

TEXTS_FILE = "texts.jsonl"
PLAIN_TEXT = (".txt", ".text", ".md")


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """What was read: documents by split, the labels in use, repairs, and the rows left out (if bad ones may be)."""

    pilot: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    types: tuple[str, ...]
    repairs: int
    rejected: tuple[dict[str, object], ...]


def read_own_texts(
    name: str,
    texts: Path,
    test: Path | None,
    types: Sequence[str],
    test_share: float,
    seed: int,
    skip_bad: bool = False,
) -> OwnTexts:
    """Read a corpus of plain text (a document a line), JSON Lines, columns or parquet, with or without gold.

    Without a `test` file a seeded `test_share` of the documents, at least one, becomes the test split. `types`
    are the labels, in order; if there are none they are those of the gold, in alphabetical order.

    Errors: UserError for bad rows (unless skipped), labels that are not among `types`, no types at all, fewer
    than two documents.
    """
    if not 0 < test_share < 1:
        raise UserError(f"--test-share: {test_share:g}; allowed: between 0 and 1")
    reader = Reader(name, skip_bad)
    decoder = Decoder(tuple(types) or None)
    pilot = reader.read(_table(texts, "text"), decoder)
    held_out = reader.read(_table(test, "test"), decoder) if test else []
    if test is None:
        if len(pilot) < 2:
            raise UserError(f"{texts}: {len(pilot)} documents; two or more are needed, one of them for the test split")
        size = min(len(pilot) - 1, max(1, round(test_share * len(pilot))))
        chosen = set(random.Random(seed).sample(range(len(pilot)), size))
        held_out = [document for index, document in enumerate(pilot) if index in chosen]
        pilot = [document for index, document in enumerate(pilot) if index not in chosen]
    found = sorted({span.type for each in (*pilot, *held_out) for span in each.spans or ()})
    if not types and not found:
        raise UserError(f"{texts}: no gold to find types in; name them: --types PER,ORG,LOC")
    return OwnTexts(tuple(pilot), tuple(held_out), tuple(types) or tuple(found), reader.repairs, tuple(reader.rejected))


def _table(path: Path, split: str) -> Table:
    if not path.exists():
        raise UserError(f"{path}: no such file")
    return Table(split, _plain_rows(path)) if path.suffix in PLAIN_TEXT else file_table(path, split)


def _plain_rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(read_text(path).removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            yield Row(f"{path}:{number}", {"text": line.strip()})


def text_rows(texts: OwnTexts) -> Iterator[dict[str, object]]:
    """The rows of texts.jsonl: tokenised once, with gold where there is any."""
    for split, documents in (("pilot", texts.pilot), ("test", texts.test)):
        for each in documents:
            document = each.document
            row: dict[str, object] = {
                "split": split,
                "id": document.id,
                "tokens": list(document.tokens),
                "text": document.text,
            }
            if each.spans is not None:
                row["spans"] = [[span.start, span.end, span.type] for span in each.spans]
            yield row


def new_card(name: str, texts: OwnTexts) -> dict[str, object]:
    """The card of an own corpus: its only source is its own file."""
    return {
        "name": name,
        "title": name.replace("_", " "),
        "domain": "own corpus",
        "types": list(texts.types),
        "licence": {"name": "own", "redistribute": False},
        "sources": {"sample": {"file": TEXTS_FILE}},
    }


def new_guideline(name: str, types: Sequence[str], goal: str) -> Guideline:
    """A guideline that works as it stands and says little: what people fill in."""
    return Guideline(
        benchmark=name,
        round=0,
        goal=Goal(
            documents=goal or "Short texts.",
            purpose="Mark every mention of the entity types below.",
            types="A mention is the full name as written, without a leading article.",
            use="Search and analysis of these texts.",
        ),
        types=tuple(EntityType(label, _readable(label), f"A mention of a {_readable(label)}.") for label in types),
    )


def _readable(label: str) -> str:
    known = {"PER": "person", "ORG": "organization", "LOC": "location", "MISC": "miscellaneous name"}
    return known.get(label, label.replace("_", " ").replace("-", " ").lower())
