"""Strict span scores: the headline protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from diziner.common.errors import UserError
from diziner.common.exact import mean
from diziner.common.words import counted
from diziner.records.annotations import Span

STRICT_PROTOCOL = "strict span F1"
SCORED = "spans of tokens"  # all the tokens that a mention touches, not its characters

_NAMED_IDS = 3  # ids that an error message names

SpansById = Mapping[str, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Score:
    """Strict span precision, recall and F1 with the counts they come from. 0/0 is 0.0, except that
    no gold and no predicted span at all is 1.0."""

    precision: float
    recall: float
    f1: float
    correct: int
    predicted: int
    gold: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Micro score over all spans, mean F1 over types, and a score per type, by type name."""

    micro: Score
    macro_f1: float
    per_type: dict[str, Score]


def strict_span_scores(gold: SpansById, predicted: SpansById) -> Scores:
    """Score predictions: a span is correct if document id, start, end and type all equal a gold span's.

    P = correct / predicted, R = correct / gold, F1 = 2 correct / (predicted + gold), on sets of
    (document id, start, end, type). The id keeps equal offsets in different documents apart (method D2).
    Macro F1 is the mean over the types that occur in gold or prediction; no other type appears in
    `per_type`. No span anywhere: micro and macro are 1.0.

    On spans decoded by `diziner.spans.tags` this equals seqeval's `mode="strict", scheme=IOB2` applied to the
    re-encoded tags, except that seqeval gives 0.0 for no span anywhere. On raw ill-formed tags the two
    differ: seqeval strict discards a span that begins with `I-`, our codec repairs it and counts the repair.

    Raises:
        UserError: the two mappings do not have the same document ids.
    """
    require_same_ids(gold, predicted)
    gold_keys = _keys(gold)
    predicted_keys = _keys(predicted)
    gold_types = _count_types(gold_keys)
    predicted_types = _count_types(predicted_keys)
    correct_types = _count_types(gold_keys & predicted_keys)
    per_type = {
        label: score_counts(correct_types[label], predicted_types[label], gold_types[label])
        for label in sorted(gold_types | predicted_types)
    }
    micro = score_counts(correct_types.total(), predicted_types.total(), gold_types.total())
    macro = mean(score.f1 for score in per_type.values()) if per_type else 1.0
    return Scores(micro, macro, per_type)


def score_counts(correct: int, predicted: int, gold: int) -> Score:
    """Return precision, recall and F1 of counts. 0/0 is 0.0; nothing predicted and nothing in gold is 1.0."""
    if predicted == gold == 0:
        return Score(1.0, 1.0, 1.0, correct=0, predicted=0, gold=0)
    return Score(
        precision=correct / predicted if predicted else 0.0,
        recall=correct / gold if gold else 0.0,
        f1=2 * correct / (predicted + gold),
        correct=correct,
        predicted=predicted,
        gold=gold,
    )


def require_same_ids(gold: Collection[str], predicted: Collection[str]) -> None:
    """Raise UserError, naming the first few ids, unless both sides have the same document ids."""
    for having, lacking, side in ((gold, predicted, "prediction"), (predicted, gold, "gold")):
        present = set(lacking)
        missing = sorted(name for name in having if name not in present)
        if missing:
            named = ", ".join(missing[:_NAMED_IDS]) + (", ..." if len(missing) > _NAMED_IDS else "")
            raise UserError(
                f"{side} lacks {len(missing)} of {counted(len(having), 'document')}: {named}; "
                "gold and prediction need the same ids"
            )


def _keys(spans: SpansById) -> set[tuple[str, int, int, str]]:
    return {(name, span.start, span.end, span.type) for name, row in spans.items() for span in row}


def _count_types(keys: set[tuple[str, int, int, str]]) -> Counter[str]:
    return Counter(label for _, _, _, label in keys)
