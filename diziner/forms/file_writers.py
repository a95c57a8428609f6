"""Writers of columns, tables, brat's standoff and `datasets` folders."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from diziner.common.errors import UserError
from diziner.common.files import atomic, atomic_folder, dump_line
from diziner.forms.exported import Exported

_HALF = 2**63  # of what a whole number of 64 bits can be
_LONGEST_NAME = 200  # bytes of a file's name, without its ending


def write_conll(path: Path, documents: Iterable[Exported]) -> None:
    """Write a token a line with its BIO2 tag behind a tab, and a blank line after each document."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            rows = zip(document.tokens, tags_of(document), strict=True)
            file.write("".join(f"{token}\t{tag}\n" for token, tag in rows) + "\n")


def write_csv(path: Path, documents: Iterable[Exported]) -> None:
    """Write a table of tokens: the document's id, the token, its BIO2 tag."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sentence_id", "token", "tag"))
        for document in documents:
            writer.writerows((document.id, *pair) for pair in zip(document.tokens, tags_of(document), strict=True))


def write_brat(path: Path, documents: Iterable[Exported]) -> None:
    """Write a folder with a text and its annotations for each document, by its id.

    Errors: UserError for a folder that is there, and for a label that brat cannot write.
    """
    _refuse_what_is_there(path)
    with atomic_folder(path) as folder:
        for document in documents:
            name = quote(document.id, safe=" +,=@#()")
            if len(name) > _LONGEST_NAME:
                raise UserError(f"document {document.id[:40]!r}…: its id is too long for the name of a file")
            (folder / f"{name}.txt").write_text(document.text, encoding="utf-8", newline="")
            lines = []
            for number, each in enumerate(document.labels.mentions if document.labels else (), 1):
                if each.label.split() != [each.label]:
                    raise UserError(f"label {each.label!r}: brat takes no white space in one")
                surface = document.text[each.first : each.last].replace("\n", " ")
                lines.append(f"T{number}\t{each.label} {each.first} {each.last}\t{surface}\n")
            (folder / f"{name}.ann").write_text("".join(lines), encoding="utf-8", newline="")


def write_datasets(path: Path, documents: Iterable[Exported]) -> None:
    """Write a folder of `Dataset.save_to_disk`: id, text, tokens, ner_tags as class labels, and a column for whatever
    else the documents have.

    Errors: UserError for a folder that is there.
    """
    import datasets

    _refuse_what_is_there(path)
    rows = []
    for each in documents:
        own = {"id": each.id, "text": each.text, "tokens": list(each.tokens), "ner_tags": tags_of(each)}
        rows.append(each.beside(own))
    labels = sorted({tag[2:] for row in rows for tag in row["ner_tags"] if tag != "O"})
    names = ["O", *(f"{mark}-{label}" for label in labels for mark in "BI")]
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "text": datasets.Value("string"),
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=names)),
        }
    )
    columns = {name: [row[name] for row in rows] for name in features}
    for name in sorted({name for row in rows for name in row} - {*features}):
        kind, columns[name] = _column([row.get(name) for row in rows])
        features[name] = datasets.Value(kind)
    made = datasets.Dataset.from_dict(columns, features=features)
    with atomic_folder(path) as folder, _no_progress():
        made.save_to_disk(folder)


def _column(values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return the type of a column and its values: numbers, or true and false, if all are, else texts."""
    kinds = {type(each) for each in values if each is not None}
    if kinds == {bool}:
        return "bool", [*values]
    if kinds == {int} and all(each is None or -_HALF <= each < _HALF for each in values):
        return "int64", [*values]
    if kinds == {float}:
        return "float64", [*values]
    return "string", [each if isinstance(each, str | None) else dump_line(each) for each in values]


@contextmanager
def _no_progress() -> Iterator[None]:
    """Keep `datasets` from drawing progress, in this process, for a while."""
    import datasets

    drawn = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if drawn:
            datasets.enable_progress_bars()


def tags_of(document: Exported) -> list[str]:
    """Return BIO2 tags: a mention that begins or ends inside a token takes the whole of it."""
    tags = ["O"] * len(document.tokens)
    for each in document.labels.mentions if document.labels else ():
        tags[each.start : each.end] = [f"I-{each.label}"] * (each.end - each.start)
        tags[each.start] = f"B-{each.label}"
    return tags


def _refuse_what_is_there(path: Path) -> None:
    if path.exists():
        raise UserError(f"--out {path}: is there already; give the name of a new folder")
