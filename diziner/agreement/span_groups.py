"""Disagreements by span: hotspots and error groups of nested annotations, in the documents' own tokens."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from diziner.agreement.candidates import Candidates
from diziner.agreement.disagreement import TokenMeasures
from diziner.agreement.encoding import Codes, Corpus, Ints, io_codes
from diziner.agreement.error_families import Disagreements, subtype_name
from diziner.agreement.error_groups import CONTEXT, Readings
from diziner.agreement.hotspots import KINDS, Blocks, hotspot_id, hotspot_records
from diziner.records.disagreements import ErrorExample, ErrorGroup, Hotspot


def span_disagreements(corpus: Corpus, consensus: Codes, start: Ints, end: Ints) -> Disagreements:
    """Return every candidate (with its tokens from `start` to `end`) to which an annotator gave another label than the
    consensus.

    The family is that of both labels, or Span_Error: an annotator marks bounds that the consensus has not, while it
    lacks a span of the same type there that shares a token with them, or the other way round.
    """
    truth = io_codes(consensus).astype(np.int64)
    radix = len(corpus.types) + 1
    document = corpus.document_of
    found: list[tuple[int, int, int]] = []
    for number, row in enumerate(corpus.codes):
        own = io_codes(row).astype(np.int64)
        differing = np.flatnonzero((own != truth) & (row != corpus.missing)).tolist()
        extra, lacking = defaultdict(list), defaultdict(list)
        for unit in differing:
            if truth[unit] == 0:
                extra[document[unit], own[unit]].append(unit)
            elif own[unit] == 0:
                lacking[document[unit], truth[unit]].append(unit)
        for unit in differing:
            mine, theirs = int(own[unit]), int(truth[unit])
            others = lacking if theirs == 0 else extra if mine == 0 else {}
            near = others.get((document[unit], mine or theirs), ())
            bounds = any(start[unit] < end[other] and start[other] < end[unit] for other in near)
            group = radix * radix + max(mine, theirs) if bounds else theirs * radix + mine
            found.append((number, unit, group))
    columns = np.array(found, np.int64).reshape(-1, 3).T
    return Disagreements(columns[0], columns[1], columns[2])


def span_hotspots(
    corpus: Corpus, blocks: Blocks, measures: TokenMeasures, consensus: Codes, candidates: Candidates
) -> tuple[Hotspot, ...]:
    """Return hotspots as blocks of tokens, with a tag for each candidate in them."""
    found = []
    for hotspot in hotspot_records(corpus, blocks, measures, consensus):
        places = candidates.places[hotspot.document][hotspot.start : hotspot.end]
        start, end = min(place[0] for place in places), max(place[1] for place in places)
        found.append(
            Hotspot(
                hotspot_id(hotspot.document, start, end),
                hotspot.document,
                start,
                end,
                hotspot.kind,
                hotspot.score,
                hotspot.consensus,
                hotspot.labels,
                tuple((first, last) for first, last, _ in places),
            )
        )
    return tuple(found)


def span_groups(
    found: Disagreements, readings: Readings, candidates: Candidates, annotators: Sequence[int], limit: int, seed: int
) -> tuple[ErrorGroup, ...]:
    """Return groups by subtype as `error_groups` does, with a candidate as a mention."""
    corpus = readings.corpus
    units: dict[int, list[int]] = defaultdict(list)
    for group, unit in zip(found.group.tolist(), found.token.tolist(), strict=True):
        units[group].append(unit)
    made = []
    for group, own in units.items():
        family, subtype = subtype_name(group, corpus.types)
        mentions = sorted(set(own))
        drawn = sorted(random.Random(f"{seed} {subtype}").sample(range(len(mentions)), min(limit, len(mentions))))
        examples = tuple(_example(mentions[place], readings, candidates, annotators) for place in drawn)
        made.append(ErrorGroup(family, subtype, len(own), len(mentions), examples))
    return tuple(sorted(made, key=lambda item: (-item.tokens, item.subtype)))


def _example(unit: int, readings: Readings, candidates: Candidates, annotators: Sequence[int]) -> ErrorExample:
    corpus, blocks = readings.corpus, readings.blocks
    number = int(np.searchsorted(corpus.offsets, unit, side="right")) - 1
    name, base = corpus.documents[number].id, int(corpus.offsets[number])
    places, tokens = candidates.places[name], candidates.originals[name].tokens
    start, end, _ = places[unit - base]
    text = " ".join(tokens[start:end])
    context = [*tokens[max(0, start - CONTEXT) : start], f"«{text}»", *tokens[end : end + CONTEXT]]
    block = int(readings.block_of[unit])
    hotspot = ""
    if block >= 0:
        inside = places[int(blocks.start[block]) - base : int(blocks.end[block]) - base]
        hotspot = hotspot_id(name, min(place[0] for place in inside), max(place[1] for place in inside))
    labels = ("O", *corpus.types)
    agreed = labels[(int(readings.consensus[unit]) + 1) >> 1]
    agreeing = [readings.reference] if readings.reference else []
    others: dict[str, list[str]] = {}
    for annotator, code in enumerate(corpus.codes[:, unit].tolist()):
        if code == corpus.missing:
            continue
        reading = labels[(code + 1) >> 1]
        if reading == agreed:
            agreeing.append(corpus.annotators[annotator])
        elif annotator in annotators:
            others.setdefault(reading, []).append(corpus.annotators[annotator])
    ranked = sorted(others.items(), key=lambda item: (-len(item[1]), item[0]))
    kind = KINDS[int(blocks.kind[block])] if block >= 0 else ""
    alternatives = tuple((reading, tuple(names)) for reading, names in ranked)
    return ErrorExample(hotspot, name, start, end, text, " ".join(context), agreed, tuple(agreeing), alternatives, kind)
