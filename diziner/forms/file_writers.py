"""Writers of columns, tables, brat's standoff and `datasets` folders."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from diziner.common.errors import UserError
from diziner.common.files import atomic, atomic_folder
from diziner.forms.exported import Exported

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
    """Write a folder of `Dataset.save_to_disk`: id, text, tokens, and ner_tags as class labels.

    Errors: UserError for a folder that is there.
    """
    import datasets

    _refuse_what_is_there(path)
    rows = [(each.id, each.text, list(each.tokens), tags_of(each)) for each in documents]
    labels = sorted({tag[2:] for *_, tags in rows for tag in tags if tag != "O"})
    names = ["O", *(f"{mark}-{label}" for label in labels for mark in "BI")]
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "text": datasets.Value("string"),
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=names)),
        }
    )
    columns = zip(*rows, strict=True) if rows else ((),) * len(features)
    made = datasets.Dataset.from_dict(dict(zip(features, map(list, columns), strict=True)), features=features)
    with atomic_folder(path) as folder, _no_progress():
        made.save_to_disk(folder)


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
