"""What a loaded benchmark is made of."""

from __future__ import annotations

from dataclasses import dataclass

from diziner.records.annotations import Span
from diziner.records.documents import Document


@dataclass(frozen=True, slots=True)
class Labelled:
    """A document with its gold spans, sorted and free of overlaps; `spans` is None where there is no gold."""

    document: Document
    spans: tuple[Span, ...] | None


@dataclass(frozen=True, slots=True)
class Corpus:
    """A benchmark as loaded, in file order.

    `repairs` counts what the loader mended: ill-formed tags, blank tokens left out, spans moved to token
    borders, and overlapping spans left out. `bad` counts rows left out: 0 unless bad rows are skipped.
    `source` is where it came from.
    """

    pilot: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    repairs: int = 0
    bad: int = 0
    source: str = "local"
