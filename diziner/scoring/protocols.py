"""Several published scoring protocols over one stored prediction.

Published F1 values of zero-shot NER are not one quantity: some count mentions, some distinct strings. Each
protocol here scores the same spans as one of them does, so that like is compared with like. All give
P = correct / predicted, R = correct / gold, F1 = 2PR / (P + R) over units that each docstring names, with the
edge cases of `diziner.scoring.strict.score_counts`. Exact duplicates of a span count once. `score_protocols`
checks its input; the protocols rely on that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.pairing import count_boundary_pairs, count_type_pairs
from diziner.scoring.strict import Score, SpansById, require_same_ids, score_counts, strict_span_scores
from diziner.scoring.surfaces import normalise, surfaces

Documents = Mapping[str, Document]
Protocol = Callable[[Documents, SpansById, SpansById], Score]


def score_protocols(
    documents: Iterable[Document], gold: SpansById, predicted: SpansById, names: Sequence[str]
) -> dict[str, Score]:
    """Score one prediction under each protocol in `names` (keys of `PROTOCOLS`), in that order.

    Raises:
        UserError: an unknown protocol; ids that differ between gold and prediction, or that `documents`
            lacks; a span outside its document.
    """
    for name in names:
        if name not in PROTOCOLS:
            raise UserError(f"unknown scoring protocol {name!r}; known are {', '.join(PROTOCOLS)}")
    require_same_ids(gold, predicted)
    by_id = {document.id: document for document in documents}
    _require_in_documents(by_id, gold, "gold")
    _require_in_documents(by_id, predicted, "predicted")
    return {name: PROTOCOLS[name](by_id, gold, predicted) for name in names}


def strict(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """The headline: units are distinct (document, start, end, type); correct = |gold ∩ predicted|."""
    return strict_span_scores(gold, predicted).micro


def seqeval_default(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """seqeval without `mode="strict"`, which decodes as conlleval does: equal to `strict` on stored spans.

    The two differ only in how they decode an `I-` that opens a span. `diziner.spans.tags` decodes it as
    conlleval does before spans are stored, and stored spans encode to well-formed tags.
    """
    return strict(documents, gold, predicted)


def boundary(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Units are distinct (document, start, end), types ignored; correct = |gold ∩ predicted|."""

    def units(spans: SpansById) -> set[tuple[str, int, int]]:
        return {(name, span.start, span.end) for name, row in spans.items() for span in row}

    return _score_units(units(gold), units(predicted))


def type_overlap(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """MUC "type" (SemEval-2013 task 9.1): units are spans; the type must be right, the boundaries overlap.

    correct = the most one-to-one pairs of equal type that share a token; does not depend on span order.
    """
    gold, predicted = _distinct(gold), _distinct(predicted)
    correct = sum(count_type_pairs(gold[name], predicted[name]) for name in gold)
    return score_counts(correct, _total(predicted), _total(gold))


def muc_partial(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """MUC "partial" (SemEval-2013 task 9.1): units are spans, types ignored, half credit for an overlap.

    With COR exact and PAR overlapping pairs of the one-to-one pairing of greatest weight, which does not
    depend on span order: credit = COR + 0.5 PAR, P = credit / predicted, R = credit / gold.
    `Score.correct` is COR, so it is below `precision * predicted` where there are partial pairs.
    """
    gold, predicted = _distinct(gold), _distinct(predicted)
    pairs = [count_boundary_pairs(gold[name], predicted[name]) for name in gold]
    exact = sum(pair.exact for pair in pairs)
    partial = sum(pair.partial for pair in pairs)
    total_predicted, total_gold = _total(predicted), _total(gold)
    # Counted in halves, credit is a whole number and the ratios stay the same.
    halves = score_counts(2 * exact + partial, 2 * total_predicted, 2 * total_gold)
    return Score(halves.precision, halves.recall, halves.f1, exact, total_predicted, total_gold)


def set_of_strings(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """UniversalNER: units are distinct (document, type, string); correct = |gold ∩ predicted|.

    Strings are lower-cased and lose punctuation and articles (`normalise`); repeated mentions count once.
    """

    def units(spans: SpansById) -> set[tuple[str, str, str]]:
        return {(name, label, normalise(text)) for name, text, label in surfaces(documents, spans)}

    return _score_units(units(gold), units(predicted))


def word_aligned_set(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """GNER: as `set_of_strings`, with the type normalised like the string; correct = |gold ∩ predicted|.

    GNER first aligns generated words with the sentence, which stored spans do not need. What remains
    differs from `set_of_strings` only where two types normalise alike, such as `SUB_AREA` and `SUBAREA`.
    """

    def units(spans: SpansById) -> set[tuple[str, str, str]]:
        return {(name, normalise(label), normalise(text)) for name, text, label in surfaces(documents, spans)}

    return _score_units(units(gold), units(predicted))


def multiset_of_strings(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """GoLLIE: units are (document, type, string), unnormalised, as often as mentioned, wherever it stands.

    correct = sum over units of the smaller of both counts.
    """
    return _score_units(surfaces(documents, gold), surfaces(documents, predicted))


def reference(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """The DiZiNER authors' scorer: units are distinct (start, end, type) WITHOUT the document (method D2).

    Offsets are characters of the tokens joined by one space, as there. Equal offsets in different
    documents collapse into one unit, which mostly raises F1. For comparison with published values only.
    """

    def units(spans: SpansById) -> set[tuple[int, int, str]]:
        return {unit for name, row in spans.items() for unit in _character_spans(documents[name], row)}

    return _score_units(units(gold), units(predicted))


PROTOCOLS: dict[str, Protocol] = {
    "strict": strict,
    "seqeval_default": seqeval_default,
    "boundary": boundary,
    "type": type_overlap,
    "muc_partial": muc_partial,
    "set_of_strings": set_of_strings,
    "word_aligned_set": word_aligned_set,
    "multiset_of_strings": multiset_of_strings,
    "reference": reference,
}


def _score_units(gold: Iterable[Hashable], predicted: Iterable[Hashable]) -> Score:
    gold_counts, predicted_counts = Counter(gold), Counter(predicted)
    correct = (gold_counts & predicted_counts).total()
    return score_counts(correct, predicted_counts.total(), gold_counts.total())


def _distinct(spans: SpansById) -> dict[str, list[Span]]:
    return {name: sorted(set(row)) for name, row in spans.items()}


def _total(spans: SpansById) -> int:
    return sum(len(row) for row in spans.values())


def _character_spans(document: Document, spans: Iterable[Span]) -> list[tuple[int, int, str]]:
    """(first character, one past the last, type) in the tokens joined by one space."""
    starts = list(accumulate((len(token) + 1 for token in document.tokens), initial=0))
    return [(starts[span.start], starts[span.end] - 1, span.type) for span in spans]


def _require_in_documents(documents: Documents, spans: SpansById, side: str) -> None:
    for name, row in spans.items():
        if name not in documents:
            raise UserError(f"{side} document {name} is not among the {len(documents)} documents to score")
        length = len(documents[name].tokens)
        for span in row:
            if not 0 <= span.start < span.end <= length:
                raise UserError(
                    f"{side} document {name}: {span.type} span [{span.start}, {span.end}) "
                    f"is empty or outside the document's {length} tokens"
                )
