"""Totals of disagreements, and where they stand: counts that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from diziner.agreement.encoding import Corpus, Ints
from diziner.agreement.error_families import FAMILIES, Disagreements, subtype_name
from diziner.agreement.error_groups import Readings
from diziner.agreement.hotspots import KINDS


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts that add up. A label is one annotator's tag for one token.

    `disagreeing` labels differ from the consensus: `in_hotspots` + `below_threshold`. `families` split
    those in hotspots and `families_below` those below the threshold by error family; `disagreeing_by_kind`
    splits those in hotspots by kind of hotspot. `hotspots` counts hotspots by kind. `documents` and
    `tokens` are those that somebody answered, `unanswered` the documents that nobody answered.
    """

    documents: int
    unanswered: int
    tokens: int
    hot_tokens: int
    labels: int
    disagreeing: int
    in_hotspots: int
    below_threshold: int
    families: Mapping[str, int]
    families_below: Mapping[str, int]
    disagreeing_by_kind: Mapping[str, int]
    hotspots: Mapping[str, int]


def count_totals(found: Disagreements, readings: Readings) -> Totals:
    """Return the totals of all disagreements of an analysis."""
    corpus, blocks = readings.corpus, readings.blocks
    block = readings.block_of[found.token]
    inside = block >= 0
    lengths = np.diff(corpus.offsets)
    kinds = np.bincount(blocks.kind[block[inside]], minlength=len(KINDS)).tolist()
    return Totals(
        documents=len(corpus.documents),
        unanswered=len(corpus.unanswered),
        tokens=int(corpus.offsets[-1]),
        hot_tokens=int((blocks.end - blocks.start).sum()),
        labels=int((corpus.answered @ lengths).sum()),
        disagreeing=len(found.token),
        in_hotspots=int(inside.sum()),
        below_threshold=int((~inside).sum()),
        families=_by_family(found.group[inside], corpus),
        families_below=_by_family(found.group[~inside], corpus),
        disagreeing_by_kind=dict(zip(KINDS, kinds, strict=True)),
        hotspots=dict(zip(KINDS, np.bincount(blocks.kind, minlength=len(KINDS)).tolist(), strict=True)),
    )


def _by_family(groups: Ints, corpus: Corpus) -> dict[str, int]:
    counts = dict.fromkeys(FAMILIES, 0)
    codes, sizes = np.unique(groups, return_counts=True)
    for code, size in zip(codes.tolist(), sizes.tolist(), strict=True):
        counts[subtype_name(code, corpus.types)[0]] += size
    return counts
