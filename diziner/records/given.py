"""Rows of labels as a file gives them, before they are put on the benchmark's documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diziner.records.annotations import Failure, Span


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A row of a labelled file: `spans` are positions of `tokens`, of the benchmark's where it has neither tokens nor
    text, and else characters of `text`. `spans` is None where nobody labelled the row."""

    where: str
    id: str | None
    text: str | None
    tokens: tuple[str, ...] | None
    spans: tuple[Span, ...] | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A labelled file as it was read; `read_as` says how in words, where that had to be found."""

    path: Path
    rows: tuple[GivenRow, ...]
    read_as: str = ""
