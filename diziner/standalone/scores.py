"""Scores by every protocol in detail: micro score, score per type, counts per document, intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from diziner.common.errors import UserError
from diziner.common.exact import mean
from diziner.common.plugins import PROTOCOLS as PLUG_INS
from diziner.common.plugins import require
from diziner.common.rounding import rounded
from diziner.common.words import counted
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.bootstrap import document_bootstrap, paired_bootstrap
from diziner.scoring.protocols import PROTOCOLS, Counts, Protocol, protocol_named
from diziner.scoring.significance import randomization_p_value
from diziner.scoring.strict import Score
from diziner.spans.overlaps import are_flat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Spans = Mapping[str, Sequence[Span]]
NESTED = "strict"  # the protocol that counts nested spans as well


@dataclass(frozen=True, slots=True)
class ProtocolScores:
    """One protocol's score of one prediction.

    `per_type` holds, by type, the protocol's score on the spans of that type alone. `counts` are (credit,
    predicted, gold) of each document in order of id, shape (documents, 3), all doubled for muc_partial; their
    sums give `micro`. None for a pooled protocol such as `reference`.
    """

    micro: Score
    macro_f1: float
    per_type: Mapping[str, Score]
    counts: NDArray[np.int64] | None


def chosen_protocols(text: str) -> tuple[str, ...]:
    """Return protocols from `all` (those that are built in) or names with commas between them.

    In the order of `PROTOCOLS`, then those of plug-ins as named. Errors: UserError for an unknown name.

    >>> chosen_protocols("boundary,strict")
    ('strict', 'boundary')
    """
    if text == "all":
        return tuple(PROTOCOLS)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        require(PLUG_INS, name, ("all", *PROTOCOLS))
    return tuple(dict.fromkeys([name for name in PROTOCOLS if name in names] + names))


def require_flat(names: Sequence[str], sides: Sequence[Spans]) -> None:
    """Refuse nested or overlapping spans under protocols that are defined for flat ones: all that are built in but
    strict. Errors: UserError with how many documents have some.
    """
    others = [name for name in names if name in PROTOCOLS and name != NESTED]
    nested = [id_ for side in sides for id_, row in side.items() if not are_flat(row)] if others else []
    if nested:
        raise UserError(
            f"--protocol: {', '.join(others)}: defined for flat spans, and {counted(len(set(nested)), 'document')} "
            f"(first {nested[0]!r}) have nested or overlapping ones: score these by {NESTED}, or leave all but the "
            "longest out with --drop"
        )


def protocol_scores(
    name: str, documents: Mapping[str, Document] | None, gold: Spans, predicted: Spans
) -> ProtocolScores:
    """Score one prediction under one protocol, in detail. Gold and prediction have the same ids.

    Errors: UserError if the protocol needs tokens and there are no `documents`.
    """
    import numpy as np

    protocol, texts = protocol_named(name), documents or {}
    if documents is None and protocol.reads_tokens:
        raise UserError(
            f"--protocol: {name} compares text, and no file has tokens; give them by --documents FILE, "
            f"or choose among {', '.join(own.name for own in PROTOCOLS.values() if not own.reads_tokens)}"
        )
    per_type = {label: protocol(texts, *sides) for label, sides in _by_type(gold, predicted).items()}
    counts = None
    if not protocol.pooled:
        rows = [_document_counts(protocol, texts, id_, gold[id_], predicted[id_]) for id_ in sorted(gold)]
        counts = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
    macro = mean(score.f1 for score in per_type.values()) if per_type else 1.0
    return ProtocolScores(protocol(texts, gold, predicted), macro, per_type, counts)


def scores_to_json(name: str, scores: ProtocolScores, samples: int, seed: int) -> dict[str, Any]:
    """Return a protocol's name, score, counts, types, and 95 % document bootstrap interval (None for a pooled
    protocol)."""
    interval = None if scores.counts is None else document_bootstrap(scores.counts, samples, seed=seed)
    return {
        "name": protocol_named(name).title,
        **asdict(scores.micro),
        "macro_f1": scores.macro_f1,
        "interval": None if interval is None else asdict(interval),
        "types": {label: asdict(score) for label, score in scores.per_type.items()},
    }


def difference_to_json(first: ProtocolScores, second: ProtocolScores, samples: int, seed: int) -> dict[str, Any]:
    """Return F1 of the first prediction minus F1 of the second: paired 95 % interval, p-value of a randomization
    test."""
    if first.counts is None or second.counts is None:
        change = first.micro.f1 - second.micro.f1
        return {"difference": change, "low": None, "high": None, "p_value": None}
    found = asdict(paired_bootstrap(first.counts, second.counts, samples, seed=seed))
    return found | {"p_value": randomization_p_value(first.counts, second.counts, samples, seed=seed)}


def _by_type(gold: Spans, predicted: Spans) -> dict[str, tuple[dict[str, list[Span]], dict[str, list[Span]]]]:
    """Return gold and predicted spans of each type, by name, in the documents where either side has one."""
    found: dict[str, tuple[dict[str, list[Span]], dict[str, list[Span]]]] = {}
    for side, spans in enumerate((gold, predicted)):
        for id_, row in spans.items():
            for span in row:
                both = found.setdefault(span.type, ({}, {}))
                for each in both:
                    each.setdefault(id_, [])
                both[side][id_].append(span)
    return dict(sorted(found.items()))


def _document_counts(
    protocol: Protocol, documents: Mapping[str, Document], id_: str, gold: Sequence[Span], predicted: Sequence[Span]
) -> Counts:
    if protocol.credit is not None:
        return protocol.credit(gold, predicted)
    score = protocol(documents, {id_: gold}, {id_: predicted})
    return score.correct, score.predicted, score.gold


def json_text(value: object) -> str:
    """Return JSON with sorted keys, floats at 6 places, two spaces, a newline at the end. Never NaN.

    >>> print(json_text({"b": -0.0000001, "a": (1, 2 / 3)}), end="")
    {
      "a": [
        1,
        0.666667
      ],
      "b": 0.0
    }
    """
    return json.dumps(rounded(value), ensure_ascii=False, sort_keys=True, allow_nan=False, indent=2) + "\n"
