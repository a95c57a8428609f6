"""Error groups: disagreements gathered by subtype, with examples of where they occur."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from diziner.agreement.encoding import Codes, Corpus, Ints, Mask, io_codes
from diziner.agreement.error_families import Disagreements, own_type, span_number, subtype_name
from diziner.agreement.hotspots import KINDS, Blocks, hotspot_id
from diziner.records.annotations import Span
from diziner.records.disagreements import ErrorExample, ErrorGroup

# Tokens on each side of an example, and how far apart tokens of one mention may be (method section 6).
CONTEXT = 3
REACH = 2


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Sources of examples: the corpus, its consensus (T codes), and its hotspots.

    `reference` names what stands in the place of the consensus, if anything does. `whole`: an example is shown with
    the mentions that its tokens stand in, the consensus's and those that dispute it, so that who cut one short is seen
    to have read the rest of it.
    """

    corpus: Corpus
    consensus: Codes
    blocks: Blocks
    block_of: Ints
    reference: str = ""
    whole: bool = False

    def of_document(self, number: int) -> tuple[list[int], list[list[int]]]:
        """Return codes of the consensus and of each annotator for one document."""
        start, end = self.corpus.offsets[number : number + 2]
        return self.consensus[start:end].tolist(), self.corpus.codes[:, start:end].tolist()


def error_groups(
    found: Disagreements, readings: Readings, annotators: Sequence[int], limit: int, seed: int
) -> tuple[ErrorGroup, ...]:
    """Return groups of `found` by subtype, most tokens first, then by name.

    At most `limit` examples each, drawn with `seed` and shown in order of document and position;
    alternatives are the readings of `annotators` (indexes).
    """
    if not len(found.token):
        return ()
    counts = np.bincount(found.group)
    groups = np.flatnonzero(counts)
    sizes = counts[groups]
    tokens = int(readings.corpus.offsets[-1])
    cells = np.sort((np.cumsum(counts > 0) - 1)[found.group] * tokens + found.token)
    group, token = np.divmod(cells[np.append(True, cells[1:] != cells[:-1])], tokens)
    own = own_type(groups, len(readings.corpus.types))
    starts = _mention_starts(group, token, own[group], readings, annotators)
    ends = np.append(starts[1:], len(token)) - 1
    first, last = token[starts], token[ends] + 1
    # The tokens of a whole mention may lie in several hotspots, or in one and outside: its hotspot is the first.
    outside = len(readings.blocks.start)
    block = readings.block_of[token]
    block = np.minimum.reduceat(np.where(block < 0, outside, block), starts)
    document = np.searchsorted(readings.corpus.offsets, first, side="right") - 1
    codes_of = cache(readings.of_document)
    edges = np.searchsorted(group[starts], np.arange(len(groups) + 1))
    made = []
    for number, code in enumerate(groups.tolist()):
        family, subtype = subtype_name(code, readings.corpus.types)
        disputed = ("O", *readings.corpus.types)[int(own[number])]
        mentions = range(int(edges[number]), int(edges[number + 1]))
        drawn = sorted(random.Random(f"{seed} {subtype}").sample(mentions, min(limit, len(mentions))))
        examples = tuple(
            _example(number, start, end, hotspot, codes_of(number), readings, annotators, disputed)
            for number, start, end, hotspot in zip(
                *(column[drawn].tolist() for column in (document, first, last, block)), strict=True
            )
        )
        made.append(ErrorGroup(family, subtype, int(sizes[number]), len(mentions), examples))
    return tuple(sorted(made, key=lambda item: (-item.tokens, item.subtype)))


def _mention_starts(
    group: Ints, token: Ints, own: Ints, readings: Readings, annotators: Sequence[int]
) -> NDArray[np.intp]:
    """Return where a new mention begins among tokens sorted by group and position.

    `own` is the type that is given there.
    """
    block = readings.block_of[token]
    document = np.searchsorted(readings.corpus.offsets, token, side="right")
    apart = (np.diff(token) > REACH) | (np.diff(block) != 0)
    if readings.whole:
        apart &= ~_continued(readings.consensus, token)
        for row in readings.corpus.codes[list(annotators)]:
            apart &= ~(_continued(row, token) & (io_codes(row[token[1:]]) == own[1:]))
    new = np.ones(len(token), np.bool_)
    new[1:] = (np.diff(group) != 0) | apart | (np.diff(document) != 0)
    return np.flatnonzero(new)


def _continued(codes: Codes, token: Ints) -> Mask:
    """Say of each token but the first whether it stands in the same mention as the one before it in `token`."""
    same: Mask = (np.diff(span_number(codes)[token]) == 0) & (codes[token[1:]] > 0)
    return same


def _example(
    number: int,
    first: int,
    last: int,
    block: int,
    codes: tuple[list[int], list[list[int]]],
    readings: Readings,
    annotators: Sequence[int],
    disputed: str,
) -> ErrorExample:
    corpus = readings.corpus
    document, base = corpus.documents[number], int(corpus.offsets[number])
    start, end = first - base, last - base
    tokens = document.tokens
    usual, rows = codes
    missing = corpus.missing
    if readings.whole:
        marked = [
            span
            for annotator in annotators
            if rows[annotator][start] != missing
            for span in _touching(rows[annotator], start, end, corpus.types)
            if span.type == disputed
        ]
        start, end = _widened(start, end, marked)
        start, end = _widened(start, end, _touching(usual, start, end, corpus.types))
    agreed = _touching(usual, start, end, corpus.types)
    place: tuple[int, int] | None = (start, end)
    if readings.whole and agreed and (agreed[0].start, agreed[0].end) != place:
        place = None  # where the consensus's string has to be told, so have all others
    text = " ".join(tokens[start:end])
    context = [*tokens[max(0, start - CONTEXT) : start], f"«{text}»", *tokens[end : end + CONTEXT]]
    by_reading: dict[tuple[Span, ...], list[str]] = {}
    agreeing: list[str] = [readings.reference] if readings.reference else []
    part = usual[start:end]
    for annotator, row in enumerate(rows):
        own = row[start:end]
        if own[0] == missing:
            continue
        spans = _touching(row, start, end, corpus.types)
        if spans == agreed if readings.whole else own == part:
            agreeing.append(corpus.annotators[annotator])
        elif annotator in annotators:
            by_reading.setdefault(spans, []).append(corpus.annotators[annotator])
    ranked = sorted(by_reading.items(), key=lambda item: (-len(item[1]), item[0]))
    return ErrorExample(
        hotspot=_hotspot_of(block, base, document.id, readings.blocks),
        document=document.id,
        start=start,
        end=end,
        span_text=text,
        context=" ".join(context),
        consensus=_reading(agreed, place, tokens),
        agreeing=tuple(agreeing),
        alternatives=tuple([(_reading(spans, place, tokens), tuple(names)) for spans, names in ranked]),
        kind=KINDS[int(readings.blocks.kind[block])] if block < len(readings.blocks.kind) else "",
    )


def _widened(start: int, end: int, spans: Sequence[Span]) -> tuple[int, int]:
    return min([start, *(span.start for span in spans)]), max([end, *(span.end for span in spans)])


def _hotspot_of(block: int, base: int, document: str, blocks: Blocks) -> str:
    if block == len(blocks.start):
        return ""
    return hotspot_id(document, int(blocks.start[block]) - base, int(blocks.end[block]) - base)


def _touching(codes: list[int], start: int, end: int, types: Sequence[str]) -> tuple[Span, ...]:
    """Return the entities, at full length, that share a token with `[start, end)`."""
    found: list[Span] = []
    at = start
    while codes[at] and not codes[at] & 1:
        at -= 1
    while at < end:
        begin, code = at, codes[at]
        at += 1
        if code:
            while at < len(codes) and codes[at] == code + 1:
                at += 1
            found.append(Span(begin, at, types[code >> 1]))
    return tuple(found)


def _reading(spans: Sequence[Span], place: tuple[int, int] | None, tokens: Sequence[str]) -> str:
    texts = [
        span.type if (span.start, span.end) == place else f'{span.type} "{" ".join(tokens[span.start : span.end])}"'
        for span in spans
    ]
    return "; ".join(texts) or "O"
