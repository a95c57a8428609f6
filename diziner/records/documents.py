"""Files of documents, which hold no gold: pilot sets and test."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, itemgetter
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_jsonl

Range = tuple[int, int]  # the first, and one past the last


@dataclass(frozen=True, slots=True)
class Document:
    """One text to annotate. `tokens` are non-empty and occur in `text` in order; `id` is unique in its file."""

    id: str
    tokens: tuple[str, ...]
    text: str


def document_row(document: Document) -> dict[str, object]:
    """Return a document as a row of `document.schema.json`."""
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


def token_offsets(tokens: Sequence[str], text: str) -> tuple[Range, ...]:
    """Say where each token stands in the text, each after the one before: first character, and one past the last.

    Raises:
        UserError: a token does not occur in what is left of the text.
    """
    if text == " ".join(tokens):
        lengths = list(map(len, tokens))
        starts = [0, *(total + place for place, total in enumerate(accumulate(lengths), 1))]
        return tuple(zip(starts, map(add, starts, lengths), strict=False))
    offsets, end = [], 0
    for position, token in enumerate(tokens):
        start = text.find(token, end)
        if start < 0:
            raise UserError(f"token {position} {token!r} does not occur in the text after character {end}")
        end = start + len(token)
        offsets.append((start, end))
    return tuple(offsets)


def tokens_touched(offsets: Sequence[Range], first: int, last: int) -> Range:
    """Say which tokens have characters of a range in them; none (an empty range) if it is white space alone."""
    return bisect_right(offsets, first, key=itemgetter(1)), bisect_left(offsets, last, key=itemgetter(0))
