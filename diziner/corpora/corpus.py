"""Corpus: a loaded benchmark and its parts."""

from __future__ import annotations

from dataclasses import dataclass

from diziner.records.annotations import Span
from diziner.records.documents import Document, Range


@dataclass(frozen=True, slots=True)
class Labelled:
    """A document with its gold spans, sorted and free of overlaps; `spans` is None where there is no gold.

    `characters` has those of each span as they were given, which are fewer than its tokens' where it begins or ends
    inside one. `own_tokens`: the document came without tokens, these are ours.
    """

    document: Document
    spans: tuple[Span, ...] | None
    characters: tuple[Range, ...] = ()
    own_tokens: bool = False


@dataclass(frozen=True, slots=True)
class Corpus:
    """A benchmark as loaded, in file order.

    `repairs` counts what the loader mended: ill-formed tags, blank tokens left out, white space around spans,
    and overlapping spans left out. `bad` counts rows left out: 0 unless bad rows are skipped.
    `overlapping` counts, among the repairs, spans that others left no room for, `discontinuous` those with gaps.
    `source` is where it came from.
    """

    pilot: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    repairs: int = 0
    bad: int = 0
    source: str = "local"
    overlapping: int = 0
    discontinuous: int = 0
