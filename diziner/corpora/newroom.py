"""New room for a user's own corpus: texts in; documents with splits, a card and a guideline to fill in out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.corpora.corpus import Labelled
from diziner.corpora.decode import Decoder, unfit_label
from diziner.corpora.reader import Reader, require_flat
from diziner.corpora.tokenize import TOKENIZER
from diziner.forms.choices import NO_CHOICES, Choices
from diziner.forms.form import Task
from diziner.forms.rows import Row, Table, Unreadable
from diziner.forms.table import is_folder_form, table_of
from diziner.records.guideline import EntityType, Goal, Guideline

TEXTS_FILE = "texts.jsonl"
# What guidelines and answers can hold: brackets and bars are syntax of worked examples.
_READABLE = {"PER": "person", "ORG": "organization", "LOC": "location", "MISC": "miscellaneous name"}


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """Texts as read: documents by split, the labels in use, repairs, and the rows left out (if bad ones may be)."""

    pilot: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    types: tuple[str, ...]
    repairs: int
    rejected: tuple[dict[str, object], ...]
    said: tuple[str, ...] = ()


def read_own_texts(
    name: str,
    texts: Path,
    test: Path | None,
    types: Sequence[str],
    test_share: float,
    seed: int,
    skip_bad: bool = False,
    choices: Choices = NO_CHOICES,
) -> OwnTexts:
    """Read a corpus in any form of `diziner.forms`, with or without gold.

    Without a `test` file a seeded `test_share` of the documents, at least one, becomes the test split. `types`
    are the labels, in order; if there are none they are those of the gold, in alphabetical order.

    Errors: UserError for bad rows (unless skipped), labels that are not among `types` or cannot be written in a
    guideline, no types at all, fewer than two documents, a test file without any.
    """
    if not 0 < test_share < 1:
        raise UserError(f"--test-share: {test_share:g}; allowed: between 0 and 1")
    check_labels(types, "--types")
    reader = Reader(name, skip_bad)
    remedy = "add it there, or leave it out of the gold"
    decoder = Decoder(tuple(types) or None, nested=choices.nested, origin="--types", remedy=remedy)
    files = [path for path in (texts, test) if path]
    # Two files of a data set of a hub are numbered from 0 each, so that their ids are not unique.
    tables = [own_table(path, choices, numbered=len(files) > 1) for path in files]
    tables = [replace(table, rows=_with_ids(table, path, texts)) for table, path in zip(tables, files, strict=True)]
    decoders = [replace(decoder, names=table.names) for table in tables]
    pilot, held_out = ([*map(reader.read, tables, decoders), []])[:2]
    require_flat(reader, texts, choices)
    last = f"; {reader.rejected[-1]['where']}: {reader.rejected[-1]['reason']}" if reader.rejected else ""
    if test is not None and not held_out:
        raise UserError(f"{test}: no documents to test on{last}")
    if test is None:
        if len(pilot) < 2:
            raise UserError(
                f"{texts}: {counted(len(pilot), 'document')}; two or more are needed, one of them to test on{last}"
            )
        size = min(len(pilot) - 1, max(1, round(test_share * len(pilot))))
        chosen = set(random.Random(seed).sample(range(len(pilot)), size))
        held_out = [document for index, document in enumerate(pilot) if index in chosen]
        pilot = [document for index, document in enumerate(pilot) if index not in chosen]
    found = sorted({span.type for each in (*pilot, *held_out) for span in each.spans or ()})
    if not types and not found:
        raise UserError(f"{texts}: no gold to find types in; name them: --types PER,ORG,LOC")
    check_labels(found, str(texts))
    said = tuple(dict.fromkeys(table.said for table in tables if table.said))
    return OwnTexts(
        tuple(pilot), tuple(held_out), tuple(types) or tuple(found), reader.repairs, tuple(reader.rejected), said
    )


def own_table(path: Path, choices: Choices, numbered: bool) -> Table:
    """Return the rows of a file of one's own. With `numbered`, ids of a data set of a hub are passed over."""
    if path.is_dir() and not (choices.form or _is_corpus(path, choices)):
        raise UserError(
            f"{path}: a folder of no form that is known (docs/forms.md); of a folder of texts make one file: a text a "
            "line, or a row of CSV or JSON Lines for each"
        )
    of_hub = path.is_dir() or path.suffix == ".parquet"
    return table_of(Task(path, replace(choices, usual_id=not (numbered and of_hub)), split=path.name))


def _is_corpus(folder: Path, choices: Choices) -> bool:
    """Say whether a folder is of a form that folders have."""
    saved = (folder / "state.json").exists()  # of a data set, though half of one
    return saved or is_folder_form((path.name for path in folder.iterdir()), choices)


def _with_ids(table: Table, path: Path, first: Path) -> Iterator[Row | Unreadable]:
    """Yield the rows of a table; those without an id of their own get the one that a labelling of the file gives them:
    the file's name and the number of the row from 1. A second file of the same name has it otherwise."""
    origin = path.name if path == first or path.name != first.name else f"test/{path.name}"
    for number, row in enumerate(table.rows, 1):
        if isinstance(row, Unreadable) or row.value.get("id") not in (None, ""):
            yield row
        else:
            yield Row(row.where, {**row.value, "id": f"{origin}:{number}"})


def check_labels(labels: Sequence[str], where: str) -> None:
    """Refuse, with a UserError, labels that a guideline cannot hold, or that read alike to a model."""
    names: dict[str, str] = {}
    for label in labels:
        if reason := unfit_label(label):
            raise UserError(f"{where}: {reason}")
        other = names.setdefault(_readable(label), label)
        if other != label or labels.count(label) > 1:
            raise UserError(f"{where}: labels {other!r} and {label!r} are the same to a model; keep one of them")


def document_rows(texts: OwnTexts) -> Iterator[dict[str, object]]:
    """Yield the rows of texts.jsonl: tokenised once, with gold where there is any."""
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
                row["characters"] = [list(place) for place in each.characters]
            yield row


def new_card(name: str, texts: OwnTexts) -> dict[str, object]:
    """Return the card of an own corpus: its only source is its own file."""
    return {
        "name": name,
        "title": name.replace("_", " "),
        "domain": "own corpus",
        "types": list(texts.types),
        "licence": {"name": "own", "redistribute": False},
        "sources": {"sample": {"file": TEXTS_FILE}},
        **({"tokenizer": TOKENIZER} if any(each.own_tokens for each in (*texts.pilot, *texts.test)) else {}),
    }


def new_guideline(name: str, types: Sequence[str], goal: str) -> Guideline:
    """Return a guideline that works as it stands and says little: what people fill in."""
    return Guideline(
        benchmark=name,
        round=0,
        goal=Goal(
            documents=goal or "Short texts.",
            purpose="Mark every mention of the entity types below.",
            types="A mention is the full name as written, without a leading article.",
            use="Search and analysis of these texts.",
        ),
        types=tuple(
            EntityType(label, _readable(label), f"Every {_readable(label)} that is mentioned.") for label in types
        ),
    )


def _readable(label: str) -> str:
    return _READABLE.get(label, label.replace("_", " ").replace("-", " ").lower())
