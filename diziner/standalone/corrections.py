"""Corrections: documents as people left them, in place of what models said of the same documents."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.records.labelled import labelled_row
from diziner.standalone.files import LabelledFile


class Corrections:
    """Corrected documents of a file. One whose id is among `ids`, ours, is of that document; any other of all with its
    text: tools give ids of their own.


    Their labels are characters of the text; tokens are those of the file, else ours as its labels ask for.
    Errors: UserError for a file without texts.
    """

    def __init__(self, file: LabelledFile, ids: Container[str]) -> None:
        if file.documents is None:
            raise UserError(f"{file.path}: it has neither text nor tokens: corrections need the documents' texts")
        self._path = file.path
        pairs = [(file.documents[row.id], row) for row in file.annotations if row.failure is None]
        self._by_id = {document.id: (document, row) for document, row in pairs if document.id in ids}
        self._by_text = {document.text: (document, row) for document, row in pairs if document.id not in ids}
        if len(self._by_id) + len(self._by_text) < len(pairs):
            raise UserError(
                f"{file.path}: a text is there twice, under ids that are not ours: which correction counts?"
            )
        self._used: set[str] = set()

    def row(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a labelled row as it was corrected, under its own id; the row itself if nobody corrected it.

        Errors: UserError for a correction of another text under the row's id.
        """
        found: tuple[Document, Annotation] | None = self._by_id.get(given["id"]) or self._by_text.get(given["text"])
        if found is None:
            return given
        document, annotation = found
        if document.text != given["text"]:
            raise UserError(
                f"{self._path}: document {given['id']!r} is another text there: {document.text[:40]!r}, not "
                f"{given['text'][:40]!r}"
            )
        self._used.add(document.id)
        corrected = labelled_row(replace(document, id=given["id"]), replace(annotation, id=given["id"]))
        return corrected | ({"other": given["other"]} if "other" in given else {})

    @property
    def used(self) -> int:
        """How many of them were asked for."""
        return len(self._used)

    def require_all_used(self) -> None:
        """Refuse corrections of documents that were not asked for."""
        if left := sorted({document.id for document, _ in self._by_text.values()} - self._used):
            raise UserError(
                f"{self._path}: {counted(len(left), 'document')} not among those that go out, by id or by text; the "
                f"first: {left[0]!r}"
            )
