"""Files of documents, which hold no gold: pilot sets and test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_jsonl


@dataclass(frozen=True, slots=True)
class Document:
    """One text to annotate. `tokens` are non-empty and occur in `text` in order; `id` is unique in its file."""

    id: str
    tokens: tuple[str, ...]
    text: str


def document_row(document: Document) -> dict[str, object]:
    """A document as a row of `document.schema.json`."""
    return {"id": document.id, "tokens": list(document.tokens), "text": document.text}


def read_documents(path: Path) -> tuple[Document, ...]:
    """Read a file of documents in file order.

    Errors: UserError for a row that breaks `document.schema.json`, and for an id that occurs twice.
    """
    documents: dict[str, Document] = {}
    for row in read_jsonl(path, "document"):
        if row["id"] in documents:
            raise UserError(f"{path}: id {row['id']!r} occurs twice; ids must be unique")
        documents[row["id"]] = Document(row["id"], tuple(row["tokens"]), row["text"])
    return tuple(documents.values())
