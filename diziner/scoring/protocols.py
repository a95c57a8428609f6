"""Scoring protocols: several published ones over one stored prediction.

Published F1 values of zero-shot NER are not one quantity: some count mentions, some distinct strings. Each
protocol here scores the same spans as one of them does, so that like is compared with like. All give
P = correct / predicted, R = correct / gold, F1 = 2PR / (P + R) over units that each docstring names, with the
edge cases of `diziner.scoring.strict.score_counts`. Exact duplicates of a span count once. `score_protocols`
checks its input; the protocols rely on that.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from diziner.common.errors import UserError
from diziner.common.plugins import PROTOCOLS as PLUG_INS
from diziner.common.plugins import found
from diziner.common.words import counted
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.pairing import count_boundary_pairs, count_type_pairs
from diziner.scoring.strict import STRICT_PROTOCOL, Score, SpansById, require_same_ids, score_counts, strict_span_scores
from diziner.scoring.surfaces import normalise, surfaces

Documents = Mapping[str, Document]
Scorer = Callable[[Documents, SpansById, SpansById], Score]
Counts = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A scoring protocol: its scorer, what it is called in full, and the row of docs/protocols.md.

    `reads_tokens`: it needs the documents' tokens, not positions alone. `pooled`: documents share its units, so none
    has counts of its own and nothing can be resampled. `credit` gives (credit, predicted, gold) of one document where
    credit is not `Score.correct`; all three may be multiplied by one number.
    """

    name: str
    title: str
    scorer: Scorer
    unit: str = ""
    correct: str = ""
    used_by: str = ""
    reads_tokens: bool = False
    pooled: bool = False
    credit: Callable[[Sequence[Span], Sequence[Span]], Counts] | None = None

    def __call__(self, documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
        return self.scorer(documents, gold, predicted)

    @property
    def section(self) -> str:
        """Text of docs/protocols.md about it: the scorer's docstring after its first line."""
        return inspect.cleandoc(self.scorer.__doc__ or "").partition("\n\n")[2]


# What is built in, in the order of the page.
PROTOCOLS: dict[str, Protocol] = {}


def protocol(
    name: str,
    title: str,
    *,
    unit: str,
    correct: str,
    used_by: str,
    reads_tokens: bool = False,
    pooled: bool = False,
    credit: Callable[[Sequence[Span], Sequence[Span]], Counts] | None = None,
) -> Callable[[Scorer], Scorer]:
    """Register the decorated scorer as a protocol that is built in; see `Protocol`."""

    def register(scorer: Scorer) -> Scorer:
        PROTOCOLS[name] = Protocol(name, title, scorer, unit, correct, used_by, reads_tokens, pooled, credit)
        return scorer

    return register


def protocol_named(name: str) -> Protocol:
    """Return a protocol that is built in, or a plug-in's.

    Errors: UserError as `diziner.common.plugins.found`.
    """
    named: Protocol = found(PLUG_INS, name, PROTOCOLS, Protocol)
    return named


def score_protocols(
    documents: Iterable[Document], gold: SpansById, predicted: SpansById, names: Sequence[str]
) -> dict[str, Score]:
    """Score one prediction under each protocol in `names`, in that order.

    Raises:
        UserError: an unknown protocol; ids that differ between gold and prediction, or that `documents`
            lacks; a span outside its document.
    """
    protocols = {name: protocol_named(name) for name in names}
    require_same_ids(gold, predicted)
    by_id = {document.id: document for document in documents}
    _require_in_documents(by_id, gold, "gold")
    _require_in_documents(by_id, predicted, "predicted")
    return {name: own(by_id, gold, predicted) for name, own in protocols.items()}


@protocol(
    "strict",
    STRICT_PROTOCOL,
    unit="a span in a document",
    correct="start, end and type are equal",
    used_by='our headline; seqeval `mode="strict"`; SemEval-2013 task 9.1 "strict"',
)
def strict(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Return the headline: units are distinct (document, start, end, type); correct = |gold ∩ predicted|.

        correct = |G ∩ P|,   G and P sets of (document, start, end, type)

    One token too many, or the wrong type, and the span is a false positive and its gold span a false negative.

    ```example
    gold       the [Bank of England|ORG] cut rates in [London|LOC]
    predicted  the [Bank of England|ORG] cut [rates|MISC] in [London|ORG]
    strict     1 correct, 3 predicted, 2 gold, F1 0.400
    boundary   2 correct, 3 predicted, 2 gold, F1 0.800
    ```
    """
    return strict_span_scores(gold, predicted).micro


@protocol(
    "seqeval_default",
    "seqeval default span F1",
    unit="a span in a document",
    correct="start, end and type are equal",
    used_by="seqeval's default, conlleval, most fine-tuned models",
)
def seqeval_default(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Score as seqeval does without `mode="strict"`, decoding as conlleval does: equal to `strict` on stored spans.

        as strict, on spans decoded as conlleval decodes them

    seqeval has two modes. Under IOB2 they differ in one case alone: an `I-` tag that no tag of its type just before it
    opens. By default it opens a span; with `mode="strict", scheme=IOB2` the whole span is discarded. (A tag with `E-`,
    `S-`, `L-` or `U-`, which the default reads, is an error there.) Our files hold spans, and our reader decodes tags
    as the default does, and counts it under `repairs`. So for files read here the two are equal, always, and both rows
    are given because papers name one or the other. To see seqeval's strict number on ill-formed tags, give it the raw
    tags.

    Under BIOES and BILOU, each with its own scheme, the modes differ in one case more: a span that no `E-` or `L-`
    closes. By default seqeval takes it as it stands, and so do we; with `mode="strict", scheme=IOBES` or `BILOU` it is
    discarded. seqeval's own examples, of its issue 25 and pull request 56, have F1 0.667 and 0.800 when strict, 1.000
    by default and here.

    ```example
    gold             [Angela Merkel|PER] spoke
    predicted        [Angela Merkel|PER] spoke
    strict           1 correct, 1 predicted, 1 gold, F1 1.000
    seqeval_default  1 correct, 1 predicted, 1 gold, F1 1.000
    ```
    """
    return strict(documents, gold, predicted)


@protocol(
    "boundary",
    "boundary-only span F1",
    unit="bounds in a document",
    correct="start and end are equal",
    used_by='nervaluate "exact"',
)
def boundary(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Score boundaries: units are distinct (document, start, end), types ignored; correct = |gold ∩ predicted|.

        correct = |G ∩ P|,   G and P sets of (document, start, end)

    Only finding counts, naming does not. The distance between `boundary` and `strict` is what wrong types cost.

    ```example
    gold      [Paris|LOC] beat [Lyon|ORG]
    predicted [Paris|ORG] beat [Lyon|ORG]
    strict    1 correct, 2 predicted, 2 gold, F1 0.500
    boundary  2 correct, 2 predicted, 2 gold, F1 1.000
    ```
    """

    def units(spans: SpansById) -> set[tuple[str, int, int]]:
        return {(name, span.start, span.end) for name, row in spans.items() for span in row}

    return _score_units(units(gold), units(predicted))


@protocol(
    "type",
    "MUC type F1 (right type, overlapping bounds)",
    unit="a span",
    correct="type equal, a token shared, one to one",
    used_by='SemEval-2013 "type"; nervaluate "ent_type"',
)
def type_overlap(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Score MUC "type" (SemEval-2013 task 9.1): units are spans; the type must be right, the boundaries overlap.

        correct = the most pairs (gold span, predicted span) of one document that have equal types and share a token,
                  each span in one pair at most

    The distance between `type` and `strict` is what wrong bounds cost. The pairs are a maximum matching: scorers
    that pair greedily, such as nervaluate, can find fewer, and depend on the order of spans.

    ```example
    gold      the [University of Oslo|ORG] in [Oslo|LOC]
    predicted the [University|ORG] of [Oslo|ORG] in [Oslo|LOC]
    strict    1 correct, 3 predicted, 2 gold, F1 0.400
    type      2 correct, 3 predicted, 2 gold, F1 0.800
    boundary  1 correct, 3 predicted, 2 gold, F1 0.400
    ```
    """
    gold, predicted = _distinct(gold), _distinct(predicted)
    correct = sum(count_type_pairs(gold[name], predicted[name]) for name in gold)
    return score_counts(correct, _total(predicted), _total(gold))


def _halves(gold: Sequence[Span], predicted: Sequence[Span]) -> Counts:
    """Count in halves: credit is a whole number then, and the ratios stay the same."""
    gold, predicted = sorted(set(gold)), sorted(set(predicted))
    pairs = count_boundary_pairs(gold, predicted)
    return 2 * pairs.exact + pairs.partial, 2 * len(predicted), 2 * len(gold)


@protocol(
    "muc_partial",
    "MUC partial F1 (half credit for overlapping bounds, types ignored)",
    unit="a span",
    correct="bounds equal, or half a unit for a token shared",
    used_by='SemEval-2013 "partial"; nervaluate "partial"',
    credit=_halves,
)
def muc_partial(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Score MUC "partial" (SemEval-2013 task 9.1): units are spans, types ignored, half credit for an overlap.

        credit = COR + 0.5 PAR,   P = credit / predicted,   R = credit / gold

    COR pairs have equal bounds, PAR pairs share a token; types are ignored; each span is in one pair at most, and
    the pairs are those of greatest credit. `correct` in the output is COR.

    ```example
    gold         [Angela Merkel|PER] in [Paris|LOC]
    predicted    Angela [Merkel|PER] in [Paris|ORG]
    strict       0 correct, 2 predicted, 2 gold, F1 0.000
    boundary     1 correct, 2 predicted, 2 gold, F1 0.500
    muc_partial  1 correct, 2 predicted, 2 gold, F1 0.750
    ```
    """
    gold, predicted = _distinct(gold), _distinct(predicted)
    pairs = [count_boundary_pairs(gold[name], predicted[name]) for name in gold]
    exact = sum(pair.exact for pair in pairs)
    partial = sum(pair.partial for pair in pairs)
    total_predicted, total_gold = _total(predicted), _total(gold)
    # Counted in halves, credit is a whole number and the ratios stay the same.
    halves = score_counts(2 * exact + partial, 2 * total_predicted, 2 * total_gold)
    return Score(halves.precision, halves.recall, halves.f1, exact, total_predicted, total_gold)


@protocol(
    "set_of_strings",
    "F1 on sets of strings per document (UniversalNER)",
    unit="a distinct string of a type in a document",
    correct="normalised string and type are equal",
    used_by="UniversalNER",
    reads_tokens=True,
)
def set_of_strings(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Score as UniversalNER does: units are distinct (document, type, string); correct = |gold ∩ predicted|.

        correct = |G ∩ P|,   G and P sets of (document, type, normalise(string))

    A string is normalised as SQuAD answers are: lower case, no ASCII punctuation, no *a*, *an*, *the*, single
    spaces. A string that is mentioned twice counts once, and where it stands does not count. This suits models that
    answer with a list of strings (UniversalNER), and it mostly gives more than `strict`: repeated mentions are
    easy, and one is enough.

    ```example
    gold            [The Hague|LOC] hosts it , and [The Hague|LOC] pays
    predicted       The [Hague|LOC] hosts it , and The Hague pays
    strict          0 correct, 1 predicted, 2 gold, F1 0.000
    set_of_strings  1 correct, 1 predicted, 1 gold, F1 1.000
    ```
    """

    def units(spans: SpansById) -> set[tuple[str, str, str]]:
        return {(name, label, normalise(text)) for name, text, label in surfaces(documents, spans)}

    return _score_units(units(gold), units(predicted))


@protocol(
    "word_aligned_set",
    "F1 on sets of aligned words per document (GNER)",
    unit="a distinct string of a type in a document",
    correct="normalised string and normalised type are equal",
    used_by="GNER",
    reads_tokens=True,
)
def word_aligned_set(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Score as GNER does: as `set_of_strings`, with the type normalised like the string; correct = |gold ∩ predicted|.

        correct = |G ∩ P|,   G and P sets of (document, normalise(type), normalise(string))

    GNER writes a label after each word and aligns its words with the sentence before it scores; spans need no such
    step. What is left differs from `set_of_strings` only where two types read alike once normalised.

    ```example
    gold              [Sinai|SUB_AREA] is dry
    predicted         [Sinai|SUBAREA] is dry
    strict            0 correct, 1 predicted, 1 gold, F1 0.000
    set_of_strings    0 correct, 1 predicted, 1 gold, F1 0.000
    word_aligned_set  1 correct, 1 predicted, 1 gold, F1 1.000
    ```
    """

    def units(spans: SpansById) -> set[tuple[str, str, str]]:
        return {(name, normalise(label), normalise(text)) for name, text, label in surfaces(documents, spans)}

    return _score_units(units(gold), units(predicted))


@protocol(
    "multiset_of_strings",
    "F1 on multisets of typed strings per document (GoLLIE)",
    unit="a mention's string and type in a document",
    correct="string and type are equal, as often as in gold",
    used_by="GoLLIE",
    reads_tokens=True,
)
def multiset_of_strings(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Score as GoLLIE does: units are (document, type, string), unnormalised, as often as mentioned, wherever.

        correct = sum over (document, type, string) of the smaller of both counts

    Every mention counts, where it stands does not, and strings are taken as they are. Between `strict` and
    `set_of_strings`: tagging the wrong one of two equal strings is forgiven, missing one is not.

    ```example
    gold                 [Paris|LOC] , Texas , is not [Paris|LOC] , and Paris is a name
    predicted            [Paris|LOC] , Texas , is not Paris , and [Paris|LOC] is a name
    strict               1 correct, 2 predicted, 2 gold, F1 0.500
    multiset_of_strings  2 correct, 2 predicted, 2 gold, F1 1.000
    set_of_strings       1 correct, 1 predicted, 1 gold, F1 1.000
    ```
    """
    return _score_units(surfaces(documents, gold), surfaces(documents, predicted))


@protocol(
    "reference",
    "span F1 pooled without document id (the DiZiNER authors' scorer)",
    unit="a distinct (start, end, type), whatever the document",
    correct="all equal",
    used_by="the DiZiNER authors' code",
    reads_tokens=True,
    pooled=True,
)
def reference(documents: Documents, gold: SpansById, predicted: SpansById) -> Score:
    """Return the DiZiNER authors' scorer: units are distinct (start, end, type) WITHOUT the document (method D2).

        correct = |G ∩ P|,   G and P sets of (first character, last character, type) WITHOUT the document

    The DiZiNER authors' code pools the spans of all documents into one set. Equal offsets in two documents become
    one unit, so a span found in one counts as found in both. F1 mostly rises, the more so the fewer types there
    are. It is here for comparison with their numbers only.

    ```example
    gold       [Paris|LOC] sleeps
    predicted  [Paris|LOC] sleeps
    gold       [Milan|LOC] works
    predicted  Milan works
    strict     1 correct, 1 predicted, 2 gold, F1 0.667
    reference  1 correct, 1 predicted, 1 gold, F1 1.000
    ```
    """

    def units(spans: SpansById) -> set[tuple[int, int, str]]:
        return {unit for name, row in spans.items() for unit in _character_spans(documents[name], row)}

    return _score_units(units(gold), units(predicted))


def _score_units(gold: Iterable[Hashable], predicted: Iterable[Hashable]) -> Score:
    gold_counts, predicted_counts = Counter(gold), Counter(predicted)
    correct = (gold_counts & predicted_counts).total()
    return score_counts(correct, predicted_counts.total(), gold_counts.total())


def _distinct(spans: SpansById) -> dict[str, list[Span]]:
    return {name: sorted(set(row)) for name, row in spans.items()}


def _total(spans: SpansById) -> int:
    return sum(len(row) for row in spans.values())


def _character_spans(document: Document, spans: Iterable[Span]) -> list[tuple[int, int, str]]:
    """Return (first character, one past the last, type) in the tokens joined by one space."""
    starts = list(accumulate((len(token) + 1 for token in document.tokens), initial=0))
    return [(starts[span.start], starts[span.end] - 1, span.type) for span in spans]


def _require_in_documents(documents: Documents, spans: SpansById, side: str) -> None:
    for name, row in spans.items():
        if name not in documents:
            raise UserError(f"{side} document {name} is not among the {counted(len(documents), 'document')} to score")
        length = len(documents[name].tokens)
        for span in row:
            if not 0 <= span.start < span.end <= length:
                raise UserError(
                    f"{side} document {name}: {span.type} span [{span.start}, {span.end}) "
                    f"is empty or outside the document's {counted(length, 'token')}"
                )
