"""Shares of votes in a labelled file: what `diziner label --annotators` writes beside the spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import read_jsonl
from diziner.common.parquetfile import parquet_rows
from diziner.records.annotations import Span
from diziner.scoring.calibration import Sureness


def read_sureness(path: Path) -> dict[str, Sureness]:
    """Return how sure the vote is of each document of a file, by id. The file was read as a labelled one before.

    Errors: UserError for a file without shares, and for a row whose shares are not those of its spans.
    """
    found = {}
    for row in _rows(path):
        if not isinstance(row, Mapping) or "shares" not in row or "confidence" not in row:
            raise UserError(
                f"--calibration: {path}: document {_id(row)!r} has no shares; only rows of `diziner label "
                "--annotators` have"
            )
        shares, spans = row["shares"], [Span(*span) for span in row["spans"]]
        if len(shares) != len(spans):
            raise UserError(f"{path}: document {row['id']!r}: {len(shares)} shares of {len(spans)} spans")
        found[row["id"]] = Sureness(dict(zip(spans, shares, strict=True)), row["confidence"])
    return found


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix != ".parquet":
        yield from read_jsonl(path)
        return
    for row in parquet_rows(path, ["id", "spans", "shares", "confidence"]):
        yield {**row, "spans": [(span["start"], span["end"], span["type"]) for span in row["spans"]]}


def _id(row: object) -> object:
    return row.get("id") if isinstance(row, Mapping) else row
