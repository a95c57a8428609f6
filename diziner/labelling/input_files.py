"""Input files of a labelling: documents one after the other, never more than a few in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from diziner.common.errors import UserError
from diziner.common.remote import Place, Remote
from diziner.corpora.decode import Decoder
from diziner.forms.brat import ENDING as ANNOTATIONS
from diziner.forms.choices import NO_CHOICES, Choices
from diziner.forms.form import Look, Task
from diziner.forms.others import other_of
from diziner.forms.rows import Row, Unreadable
from diziner.forms.table import endings, form_of, is_folder_form, table_of
from diziner.records.documents import Document, document_row

# Gold is left where it is: an annotator labels what it reads, nothing else.
_USED = ("id", "tokens", "text")
_DECODER = Decoder(None)


@dataclass(frozen=True, slots=True)
class InputDocument(Document):
    """A document, and `other`: what else its file has about it, by name, which goes through to its labelled row."""

    other: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def row(self) -> dict[str, object]:
        """Return the document as JSON, with all that goes through."""
        return document_row(self) | ({"other": self.other} if self.other else {})


class Item(NamedTuple):
    """A row, and the id of its document if it has none of its own: `<file>:<number of the row, from 1>`."""

    fallback_id: str
    row: Row | Unreadable


class Files(NamedTuple):
    """The files of an input, in the order in which they are read, the names of those that are not read, and the choices
    about how they are read."""

    read: tuple[Place, ...]
    ignored: tuple[str, ...]
    choices: Choices = NO_CHOICES


def files_of(source: Place, choices: Choices = NO_CHOICES) -> Files:
    """Return a file, or the files of a folder by name; those of folders below it and hidden ones are not looked at.

    A folder that is itself of a form, such as one of brat's, is one input.
    Errors: UserError if there is nothing to read.
    """
    if isinstance(source, Remote):
        return _files_elsewhere(source, choices)
    if source.exists() and not source.is_dir():
        form_of(Look(source), choices)
        return Files((source,), (), choices)
    if not source.is_dir():
        raise UserError(f"{source}: no such file or folder")
    # Texts of brat's may lie in folders below.
    if is_folder_form((path.name for path in (*source.iterdir(), *source.rglob(f"*{ANNOTATIONS}"))), choices):
        return Files((source,), (), choices)
    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    return _chosen(source, files, choices)


def _files_elsewhere(source: Remote, choices: Choices) -> Files:
    if source.is_file():
        return Files((source,), (), choices)
    names = [name for name in source.files() if not name.startswith(".")]
    if not names and not source.is_folder():
        raise UserError(f"{source}: no such file or folder")
    if is_folder_form(names, choices):
        return Files((source,), (), choices)
    return _chosen(source, [source / name for name in names], choices)


def _chosen(source: Place, files: Sequence[Place], choices: Choices) -> Files:
    known = tuple(ending for ending in endings() if ending != ".md")  # more often about a corpus than one
    found = tuple(path for path in files if path.suffix.lower() in known)
    if not found:
        raise UserError(f"{source}: no file to read in it; allowed: {' '.join(known)}")
    return Files(found, tuple(path.name for path in files if path not in found), choices)


def items_of(files: Files) -> Iterator[Item]:
    """Yield all rows of the files, in order.

    Errors: UserError for a file that cannot be read at all.
    """
    for path in files.read:
        for number, row in enumerate(_rows(path, files.choices), 1):
            yield Item(f"{path.name}:{number}", row)


def document_of(item: Item) -> InputDocument:
    """Return the document of a row: its own tokens, else those of its text.

    Errors: UserError with the place of a row that holds no document.
    """
    row = item.row
    if isinstance(row, Unreadable):
        raise UserError(f"{row.where}: {row.reason}")
    decoded = _DECODER.decode(Row(row.where, {key: row.value[key] for key in _USED if key in row.value}))
    return InputDocument(decoded.id or item.fallback_id, decoded.tokens, decoded.text, other_of(row.value))


def _rows(place: Place, choices: Choices) -> Iterable[Row | Unreadable]:
    if isinstance(place, Remote):
        return _rows_elsewhere(place, choices)
    return table_of(Task(place, choices, "ignored")).rows


def _rows_elsewhere(place: Remote, choices: Choices) -> Iterator[Row | Unreadable]:
    """Yield the rows of a file elsewhere; while they are read, a copy of it is on the disk. Messages have its URL."""
    with place.here() as copy:
        try:
            for row in table_of(Task(copy, choices, "ignored")).rows:
                yield row._replace(where=row.where.replace(str(copy), str(place), 1))
        except UserError as error:
            raise UserError(str(error).replace(str(copy), str(place))) from None
