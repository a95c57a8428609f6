"""Hotspots: blocks of tokens where annotators disagree most, and what kind of disagreement they hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import compress

import numpy as np

from diziner.agreement.columns import Patterns
from diziner.agreement.disagreement import TokenMeasures
from diziner.agreement.encoding import Codes, Corpus, Floats, Ints, Mask
from diziner.agreement.exact_measures import ExactMeasures
from diziner.agreement.percentiles import Reached, reach
from diziner.agreement.settings import AnalysisSettings
from diziner.common.exact import as_written
from diziner.records.disagreements import Hotspot

KINDS = ("elite_split", "systematic_bias", "complex", "minor")


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """H blocks of joined tokens `[start, end)`, never across documents, with the index of their kind."""

    start: Ints
    end: Ints
    kind: Ints

    def of_token(self, tokens: int) -> Ints:
        """Return the block of each of T tokens, -1 outside all blocks."""
        lengths = self.end - self.start
        inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        found = np.full(tokens, -1, np.int64)
        found[np.repeat(self.start, lengths) + inside] = np.repeat(np.arange(len(lengths)), lengths)
        return found


def thresholds(
    measures: TokenMeasures, patterns: Patterns, exact: ExactMeasures, settings: AnalysisSettings
) -> dict[str, Reached]:
    """Find the patterns that reach the percentile of all tokens, by measure of patterns.

    A value of zero reaches nothing: when most tokens are undisputed a percentile is 0, and `>=` alone would make
    every token hot (`legacy_zero_threshold` does just that).
    """
    wanted = {
        "u_star": settings.percentile,
        "tv_between": settings.bias_percentile,
        "elite_internal": settings.split_percentile,
    }
    zeros = settings.legacy_zero_threshold
    return {
        name: reach(
            getattr(measures, name), patterns.counts, as_written(percentile), partial(exact.value, name), zeros=zeros
        )
        for name, percentile in wanted.items()
    }


def merged_runs(hot: Mask, offsets: Ints) -> tuple[Ints, Ints]:
    """Start and end (excluded) of blocks: runs of hot tokens inside a document.

    A single cold token between two runs is bridged, once per block.

    >>> start, end = merged_runs(np.array([1, 0, 1, 0, 1], bool), np.array([0, 5]))
    >>> list(zip(start.tolist(), end.tolist()))
    [(0, 3), (4, 5)]
    >>> start, end = merged_runs(np.array([1, 1, 1], bool), np.array([0, 1, 3]))
    >>> list(zip(start.tolist(), end.tolist()))
    [(0, 1), (1, 3)]
    """
    first = np.zeros(len(hot) + 1, np.bool_)
    first[offsets] = True
    before = np.concatenate([[False], hot[:-1]])
    starts = np.flatnonzero(hot & (~before | first[:-1]))
    after = np.concatenate([hot[1:], [False]])
    ends = np.flatnonzero(hot & (~after | first[1:])) + 1
    document = np.searchsorted(offsets, starts, side="right")
    close = (starts[1:] - ends[:-1] == 1) & (document[1:] == document[:-1])
    # In a chain of close runs every other gap is bridged: the 1st, 3rd, 5th, …
    gaps = np.arange(len(close))
    chain_start = np.maximum.accumulate(np.where(close, 0, gaps + 1)) if len(close) else gaps
    bridged = close & ((gaps - chain_start) % 2 == 0)
    return starts[np.append(True, ~bridged)[: len(starts)]], ends[np.append(~bridged, True)[: len(ends)]]


def kinds_of(runs: tuple[Ints, Ints], split: Mask, biased: Mask) -> Blocks:
    """Return blocks, given by their starts and ends, with their kinds: `split` are the tokens, of the joined documents,
    that reach the threshold of the disagreement inside the coalition, `biased` of that between it and the rest."""
    start, end = runs
    is_split, is_bias = _any_inside(split, start, end), _any_inside(biased, start, end)
    kind = np.select([is_split & is_bias, is_split, is_bias], [KINDS.index("complex"), 0, 1], KINDS.index("minor"))
    return Blocks(start, end, kind.astype(np.int64))


def _any_inside(flags: Mask, start: Ints, end: Ints) -> Mask:
    seen = np.concatenate([[0], np.cumsum(flags)])
    found: Mask = seen[end] > seen[start]
    return found


def _mean_inside(values: Floats, blocks: Blocks) -> Floats:
    """Return the mean of values at 12 places, summed as whole numbers of their last place."""
    if not len(blocks.start):
        return np.zeros(0)
    edges = np.stack([blocks.start, blocks.end], axis=1).ravel()
    sums = np.add.reduceat(np.append(np.rint(values * 1e12).astype(np.int64), 0), edges)[::2]
    means: Floats = np.round(sums / (blocks.end - blocks.start) / 1e12, 12)
    return means


def hotspot_id(document: str, start: int, end: int) -> str:
    """Return `<document id>:<start>-<end>`, tokens `[start, end)`."""
    return f"{document}:{start}-{end}"


class _TagsOf(dict[bytes, tuple[str, ...]]):
    """Tags of codes as they lie in memory: a few readings recur in nearly all blocks, and each is made once."""

    def __init__(self, corpus: Corpus) -> None:
        super().__init__()
        self._tags, self._codes = corpus.tags, corpus.codes.dtype

    def __missing__(self, codes: bytes) -> tuple[str, ...]:
        found = self[codes] = tuple([self._tags[code] for code in np.frombuffer(codes, self._codes).tolist()])
        return found


def _readings(corpus: Corpus, blocks: Blocks) -> list[list[bytes]]:
    """Return each annotator's codes in each block, as they lie in memory. Blocks of a length are cut out together."""
    lengths = blocks.end - blocks.start
    found: list[list[bytes]] = [[]] * len(lengths)
    annotators, wide = len(corpus.annotators), corpus.codes.dtype.itemsize
    for length in np.unique(lengths).tolist():
        numbers = np.flatnonzero(lengths == length)
        places = blocks.start[numbers][:, None] + np.arange(length)
        raw = corpus.codes[:, places].transpose(1, 0, 2).tobytes()
        size = length * wide
        pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
        for position, number in enumerate(numbers.tolist()):
            found[number] = pieces[position * annotators : (position + 1) * annotators]
    return found


def hotspot_records(corpus: Corpus, blocks: Blocks, measures: TokenMeasures, consensus: Codes) -> tuple[Hotspot, ...]:
    """Return hotspots in order of document id and position; annotators that failed on the document are left out."""
    tags_of = _TagsOf(corpus)
    document = np.searchsorted(corpus.offsets, blocks.start, side="right") - 1
    shift = corpus.offsets[document]
    columns = (document, shift, blocks.start, blocks.end, blocks.kind, _mean_inside(measures.u_star, blocks))
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    everybody: list[bool] = np.logical_and.reduce(corpus.answered).tolist()
    ids = [item.id for item in corpus.documents]
    usual, wide = consensus.astype(corpus.codes.dtype).tobytes(), corpus.codes.dtype.itemsize
    found = []
    for own, (number, base, start, end, kind, score) in zip(_readings(corpus, blocks), numbers, strict=True):
        there: list[bool] | None = None if everybody[number] else corpus.answered[:, number].tolist()
        names = corpus.annotators if there is None else compress(corpus.annotators, there)
        codes = own if there is None else compress(own, there)
        found.append(
            Hotspot(
                hotspot_id(ids[number], start - base, end - base),
                ids[number],
                start - base,
                end - base,
                KINDS[kind],
                score,
                tags_of[usual[start * wide : end * wide]],
                dict(zip(names, map(tags_of.__getitem__, codes), strict=True)),
            )
        )
    return tuple(found)
