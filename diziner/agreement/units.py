"""Units of an analysis: tokens, or, where annotations may be nested, candidate spans.

Every measure works on a row of labels per unit. What differs between the two is how annotations become such rows,
which units make a hotspot, what an error is, and how results are told in tokens of the documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from diziner.agreement.candidates import Candidates, blocks_of_spans
from diziner.agreement.disagreement import TokenMeasures
from diziner.agreement.encoding import Codes, Corpus, Ints, Mask
from diziner.agreement.error_families import Disagreements, find_disagreements
from diziner.agreement.error_groups import Readings, error_groups
from diziner.agreement.hotspots import Blocks, hotspot_records, merged_runs
from diziner.agreement.span_groups import span_disagreements, span_groups, span_hotspots
from diziner.records.annotations import Annotation, Span
from diziner.records.disagreements import ErrorGroup, Hotspot
from diziner.records.documents import Document


@dataclass(frozen=True, slots=True)
class Words:
    """Names of units in reports: many of them, what a label of one is called, and what they are."""

    plural: str
    label: str
    explained: str


class Units(Protocol):
    """Units that an analysis counts. All is in order of document id, the units of a document one after another."""

    @property
    def words(self) -> Words:
        """Names of the units in reports."""

    @property
    def documents(self) -> Sequence[Document]:
        """The documents whose tokens are the units."""

    def rows(self, annotations: Sequence[Annotation]) -> Sequence[Annotation]:
        """Return annotations with spans of units."""

    def spans(self, found: Mapping[str, tuple[Span, ...]]) -> Mapping[str, tuple[Span, ...]]:
        """Return spans of tokens for spans of units, by document id."""

    def places(self, corpus: Corpus) -> dict[str, Ints]:
        """Return columns that say where in its document each unit is, in tokens."""

    def runs(self, hot: Mask, corpus: Corpus) -> tuple[Ints, Ints]:
        """Return the first unit of each hotspot and one past its last, from the units that reach the threshold."""

    def disagreements(self, corpus: Corpus, consensus: Codes) -> Disagreements:
        """Return every unit to which an annotator gave another label than the consensus."""

    def hotspots(
        self, corpus: Corpus, blocks: Blocks, measures: TokenMeasures, consensus: Codes
    ) -> tuple[Hotspot, ...]:
        """Return hotspots as blocks of tokens."""

    def groups(
        self, found: Disagreements, readings: Readings, annotators: Sequence[int], limit: int, seed: int
    ) -> tuple[ErrorGroup, ...]:
        """Return disagreements by subtype, with at most `limit` examples each, drawn with `seed`."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenUnits:
    """Tokens: what flat annotations are analysed by."""

    documents: Sequence[Document]
    words: Words = Words("tokens", "token", "tokens")

    def rows(self, annotations: Sequence[Annotation]) -> Sequence[Annotation]:
        """Return annotations as they are."""
        return annotations

    def spans(self, found: Mapping[str, tuple[Span, ...]]) -> Mapping[str, tuple[Span, ...]]:
        """Return spans as they are."""
        return found

    def places(self, corpus: Corpus) -> dict[str, Ints]:
        """Return the number of each token in its document."""
        document = corpus.document_of
        return {"token": np.arange(len(document)) - corpus.offsets[document]}

    def runs(self, hot: Mask, corpus: Corpus) -> tuple[Ints, Ints]:
        """Return runs of hot tokens, small gaps bridged: `diziner.agreement.hotspots.merged_runs`."""
        return merged_runs(hot, corpus.offsets)

    def disagreements(self, corpus: Corpus, consensus: Codes) -> Disagreements:
        """Return every token to which an annotator gave another label than the consensus."""
        return find_disagreements(corpus, consensus)

    def hotspots(
        self, corpus: Corpus, blocks: Blocks, measures: TokenMeasures, consensus: Codes
    ) -> tuple[Hotspot, ...]:
        """Return hotspots with a tag for each of their tokens."""
        return hotspot_records(corpus, blocks, measures, consensus)

    def groups(
        self, found: Disagreements, readings: Readings, annotators: Sequence[int], limit: int, seed: int
    ) -> tuple[ErrorGroup, ...]:
        """Return disagreements by subtype: `diziner.agreement.error_groups.error_groups`."""
        return error_groups(found, readings, annotators, limit, seed)


@dataclass(frozen=True, eq=False)
class SpanUnits:
    """Candidate spans: what annotations that may be nested are analysed by."""

    candidates: Candidates
    words: Words = Words("spans", "label", "candidate spans (bounds that somebody marked), which may be nested")

    @cached_property
    def documents(self) -> Sequence[Document]:
        """The documents whose tokens are the candidates."""
        return self.candidates.documents

    @cached_property
    def _bounds(self) -> tuple[Ints, Ints]:
        """First token of each candidate and one past its last."""
        return self.candidates.bounds(self.documents)

    def rows(self, annotations: Sequence[Annotation]) -> Sequence[Annotation]:
        """Return annotations with spans of one candidate each."""
        return self.candidates.rows(annotations)

    def spans(self, found: Mapping[str, tuple[Span, ...]]) -> Mapping[str, tuple[Span, ...]]:
        """Return spans of tokens for spans of candidates."""
        return self.candidates.spans(found)

    def places(self, corpus: Corpus) -> dict[str, Ints]:
        """Return the first token of each candidate and one past its last."""
        start, end = self._bounds
        return {"token": start, "end": end}

    def runs(self, hot: Mask, corpus: Corpus) -> tuple[Ints, Ints]:
        """Return hot candidates that share tokens: `diziner.agreement.candidates.blocks_of_spans`."""
        return blocks_of_spans(hot, *self._bounds, corpus.offsets)

    def disagreements(self, corpus: Corpus, consensus: Codes) -> Disagreements:
        """Return every candidate to which an annotator gave another label than the consensus."""
        return span_disagreements(corpus, consensus, *self._bounds)

    def hotspots(
        self, corpus: Corpus, blocks: Blocks, measures: TokenMeasures, consensus: Codes
    ) -> tuple[Hotspot, ...]:
        """Return hotspots with a tag for each of their candidates."""
        return span_hotspots(corpus, blocks, measures, consensus, self.candidates)

    def groups(
        self, found: Disagreements, readings: Readings, annotators: Sequence[int], limit: int, seed: int
    ) -> tuple[ErrorGroup, ...]:
        """Return disagreements by subtype: `diziner.agreement.span_groups.span_groups`."""
        return span_groups(found, readings, self.candidates, annotators, limit, seed)
