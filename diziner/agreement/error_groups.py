"""Error groups: disagreements gathered by subtype, with examples of where they occur."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from diziner.agreement.encoding import Codes, Corpus, Ints
from diziner.agreement.error_families import Disagreements, subtype_name
from diziner.agreement.hotspots import KINDS, Blocks, hotspot_id
from diziner.records.annotations import Span
from diziner.records.disagreements import ErrorExample, ErrorGroup

# Tokens on each side of an example, and how far apart tokens of one mention may be (method section 6).
CONTEXT = 3
REACH = 2


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Sources of examples: the corpus, its consensus (T codes), and its hotspots.

    `reference` names what stands in the place of the consensus, if anything does.
    """

    corpus: Corpus
    consensus: Codes
    blocks: Blocks
    block_of: Ints
    reference: str = ""

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
    groups, sizes = np.unique(found.group, return_counts=True)
    position = np.searchsorted(groups, found.group)
    tokens = int(readings.corpus.offsets[-1])
    group, token = np.divmod(np.unique(position * tokens + found.token), tokens)
    starts = _mention_starts(group, token, readings)
    ends = np.append(starts[1:], len(token)) - 1
    first, last = token[starts], token[ends] + 1
    document = np.searchsorted(readings.corpus.offsets, first, side="right") - 1
    codes_of = cache(readings.of_document)
    edges = np.searchsorted(group[starts], np.arange(len(groups) + 1))
    made = []
    for number, code in enumerate(groups.tolist()):
        family, subtype = subtype_name(code, readings.corpus.types)
        mentions = range(int(edges[number]), int(edges[number + 1]))
        drawn = sorted(random.Random(f"{seed} {subtype}").sample(mentions, min(limit, len(mentions))))
        examples = tuple(
            _example(number, start, end, codes_of(number), readings, annotators)
            for number, start, end in zip(
                document[drawn].tolist(), first[drawn].tolist(), last[drawn].tolist(), strict=True
            )
        )
        made.append(ErrorGroup(family, subtype, int(sizes[number]), len(mentions), examples))
    return tuple(sorted(made, key=lambda item: (-item.tokens, item.subtype)))


def _mention_starts(group: Ints, token: Ints, readings: Readings) -> NDArray[np.intp]:
    """Return where a new mention begins among tokens sorted by group and position."""
    block = readings.block_of[token]
    document = np.searchsorted(readings.corpus.offsets, token, side="right")
    new = np.ones(len(token), np.bool_)
    new[1:] = (np.diff(group) != 0) | (np.diff(token) > REACH) | (np.diff(block) != 0) | (np.diff(document) != 0)
    return np.flatnonzero(new)


def _example(
    number: int,
    first: int,
    last: int,
    codes: tuple[list[int], list[list[int]]],
    readings: Readings,
    annotators: Sequence[int],
) -> ErrorExample:
    corpus = readings.corpus
    document, base = corpus.documents[number], int(corpus.offsets[number])
    start, end = first - base, last - base
    block = int(readings.block_of[first])
    tokens = document.tokens
    text = " ".join(tokens[start:end])
    context = [*tokens[max(0, start - CONTEXT) : start], f"«{text}»", *tokens[end : end + CONTEXT]]
    usual, rows = codes
    by_reading: dict[tuple[Span, ...], list[str]] = {}
    agreeing: list[str] = [readings.reference] if readings.reference else []
    part, missing = usual[start:end], corpus.missing
    for annotator, row in enumerate(rows):
        own = row[start:end]
        if own == part:
            agreeing.append(corpus.annotators[annotator])
        elif annotator in annotators and own[0] != missing:
            by_reading.setdefault(_touching(row, start, end, corpus.types), []).append(corpus.annotators[annotator])
    ranked = sorted(by_reading.items(), key=lambda item: (-len(item[1]), item[0]))
    return ErrorExample(
        hotspot=_hotspot_of(block, base, document.id, readings.blocks),
        document=document.id,
        start=start,
        end=end,
        span_text=text,
        context=" ".join(context),
        consensus=_reading(_touching(usual, start, end, corpus.types), start, end, tokens),
        agreeing=tuple(agreeing),
        alternatives=tuple([(_reading(spans, start, end, tokens), tuple(names)) for spans, names in ranked]),
        kind=KINDS[int(readings.blocks.kind[block])] if block >= 0 else "",
    )


def _hotspot_of(block: int, base: int, document: str, blocks: Blocks) -> str:
    if block < 0:
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


def _reading(spans: Sequence[Span], start: int, end: int, tokens: Sequence[str]) -> str:
    texts = [
        span.type
        if (span.start, span.end) == (start, end)
        else f'{span.type} "{" ".join(tokens[span.start : span.end])}"'
        for span in spans
    ]
    return "; ".join(texts) or "O"
