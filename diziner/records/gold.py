"""Files of gold. Nothing that must be label-free imports this module: a test proves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_jsonl
from diziner.records.annotations import Span
from diziner.records.documents import Document, Range


def gold_rows(
    gold: Mapping[str, Sequence[Span]], characters: Mapping[str, Sequence[Range]] | None = None
) -> Iterator[dict[str, object]]:
    """Yield gold by document id as rows of `gold.schema.json`, in the order of `gold`, with its `characters` where
    known."""
    for name, spans in gold.items():
        row: dict[str, object] = {"id": name, "spans": [[s.start, s.end, s.type] for s in spans]}
        if characters and name in characters:
            row["characters"] = [list(place) for place in characters[name]]
        yield row


def read_gold(path: Path) -> dict[str, tuple[Span, ...]]:
    """Return gold spans by document id, in file order; a document without gold has no entry.

    Errors: UserError for a row that breaks `gold.schema.json`, a span that is not [start, end, type]
    with 0 <= start < end, and an id that occurs twice.
    """
    gold: dict[str, tuple[Span, ...]] = {}
    for row in read_jsonl(path, "gold"):
        if row["id"] in gold:
            raise UserError(f"{path}: id {row['id']!r} occurs twice; ids must be unique")
        for start, end, label in row["spans"]:
            typed = isinstance(start, int) and isinstance(end, int) and isinstance(label, str)
            if not (typed and 0 <= start < end):
                raise UserError(f"{path}: {row['id']}: {[start, end, label]} is not [start, end, type]")
        gold[row["id"]] = tuple(Span(*span) for span in row["spans"])
    return gold


def gold_of(documents: Sequence[Document], path: Path) -> dict[str, tuple[Span, ...]]:
    """Return gold spans of all these documents, from a file, for supervision by gold.

    Errors: as `read_gold`, and UserError if a document has none.
    """
    gold = read_gold(path)
    without = [document.id for document in documents if document.id not in gold]
    if without:
        more = f" and {len(without) - 1} more pilot documents" if len(without) > 1 else ""
        raise UserError(
            f"{path}: no gold for {without[0]}{more}; supervision by gold needs it for all: set params "
            "evidence.folder to rounds and evidence.gold_rounds to []"
        )
    return {document.id: gold[document.id] for document in documents}
