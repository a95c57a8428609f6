"""Calibration of votes: whether mentions and documents that more of the votes stand behind are right more often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Any

from diziner.common.errors import UserError
from diziner.common.exact import as_written
from diziner.records.annotations import Span
from diziner.scoring.bootstrap import document_bootstrap

_BINS = 10  # of equal width; 1 is one of its own

Counts = tuple[int, int, int]  # correct, predicted, gold
Interval = Callable[[Sequence[Counts]], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Sureness:
    """How sure a vote is of a document: the share behind each of its spans, and the least share behind a decision (None
    where fewer than two voted)."""

    shares: Mapping[Span, float] = field(default_factory=dict)
    confidence: float | None = None


def calibration(
    gold: Mapping[str, Sequence[Span]],
    predicted: Mapping[str, Sequence[Span]],
    sure: Mapping[str, Sureness],
    samples: int,
    seed: int,
) -> dict[str, list[dict[str, Any]]]:
    """Hold a vote against gold, by strict spans; all three mappings have the same ids.

    mentions: by the share behind them, how many there are and how many are right. documents: by their confidence, how
    many there are, and their F1. kept: the F1 of all documents of at least such a confidence. Ranges are tenths,
    `from` included, `to` excluded; 1 stands alone, and documents of unknown confidence have null. Empty ones are left
    out. Intervals (95 %) are of `samples` resamples of the documents in a range, drawn with `seed`.

    Errors: UserError for a span without a share.
    """
    mentions: dict[int, dict[str, list[bool]]] = {}
    counts: dict[str, Counts] = {}
    for name in sorted(gold):
        right = set(gold[name])
        for span in predicted[name]:
            if span not in sure[name].shares:
                raise UserError(f"document {name!r}: no share of the {span.type} span [{span.start}, {span.end})")
            own = mentions.setdefault(_bin(sure[name].shares[span]), {})
            own.setdefault(name, []).append(span in right)
        counts[name] = (len(right & {*predicted[name]}), len({*predicted[name]}), len(right))

    def interval(rows: Sequence[Counts]) -> tuple[float, float]:
        import numpy as np

        found = document_bootstrap(np.array(rows, dtype=np.int64), samples, seed=seed)
        return found.low, found.high

    known = {name: own.confidence for name, own in sure.items() if name in counts and own.confidence is not None}
    by_bin: dict[int, list[str]] = {}
    for name in sorted(known):
        by_bin.setdefault(_bin(known[name]), []).append(name)
    unknown = [counts[name] for name in sorted(counts.keys() - known.keys())]
    documents = [{**_range(place), **_f1([counts[n] for n in by_bin[place]], interval)} for place in sorted(by_bin)]
    return {
        "mentions": [{**_range(place), **_precision(mentions[place], interval)} for place in sorted(mentions)],
        "documents": documents + ([{"from": None, "to": None, **_f1(unknown, interval)}] if unknown else []),
        "kept": [
            {
                "at_least": _range(place)["from"],
                "share_of_documents": len(kept) / len(counts),
                **_f1([counts[name] for name in kept], interval),
            }
            for place in sorted(by_bin)
            if (kept := [name for name in sorted(known) if _bin(known[name]) >= place])
        ],
    }


def _bin(share: float) -> int:
    """Return the number of a share's range.

    >>> [_bin(share) for share in (0.0, 0.3, 0.666667, 0.7, 0.999999, 1.0)]
    [0, 3, 6, 7, 9, 10]
    """
    return floor(as_written(share) * _BINS)


def _range(place: int) -> dict[str, float]:
    return {"from": place / _BINS, "to": min(1.0, (place + 1) / _BINS)}


def _precision(by_document: Mapping[str, Sequence[bool]], interval: Interval) -> dict[str, Any]:
    right = sum(map(sum, by_document.values()))
    count = sum(map(len, by_document.values()))
    # F1 where as many are gold as are predicted: precision.
    low, high = interval([(sum(own), len(own), len(own)) for own in by_document.values()])
    return {
        "mentions": count,
        "documents": len(by_document),
        "correct": right,
        "precision": right / count,
        "low": low,
        "high": high,
    }


def _f1(rows: Sequence[Counts], interval: Interval) -> dict[str, Any]:
    correct, predicted, gold = map(sum, zip(*rows, strict=True))
    low, high = interval(rows)
    f1 = 2 * correct / (predicted + gold) if predicted + gold else 1.0
    return {"documents": len(rows), "f1": f1, "low": low, "high": high}
