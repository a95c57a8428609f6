"""Files of gold. Nothing that must be label-free imports this module: a test proves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stages.contracts import Span
from stages.errors import UserError
from stages.files import read_jsonl


def gold_rows(gold: Mapping[str, Sequence[Span]]) -> Iterator[dict[str, object]]:
    """Gold by document id as rows of `gold.schema.json`, in the order of `gold`."""
    return ({"id": name, "spans": [[s.start, s.end, s.type] for s in spans]} for name, spans in gold.items())


def read_gold(path: Path) -> dict[str, tuple[Span, ...]]:
    """Gold spans by document id, in file order; a document without gold has no entry.

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
