"""Examples for the next round, from the documents on which a round's annotators agree. No labels are read.

After Xie et al. (NAACL 2024, arXiv 2311.08921), who let one model annotate, keep what it says consistently, and show
it as demonstrations; here the agreement of different annotators decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from diziner.common.exact import as_written
from diziner.common.rounding import rounded_finely
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.records.guideline import AgreedExample, AgreedExamples
from diziner.spans.brackets import render_brackets
from diziner.supervisor.annotated_round import AnnotatedRound
from diziner.supervisor.history import StartingPoint
from diziner.supervisor.refine import Refinement
from diziner.supervisor.settings import SupervisorSettings

NO_EXAMPLES = "none"
SIMILAR = "similar"
POOL = 24  # documents with mentions that the most similar ones are looked for in
EMPTY_POOL = 6  # the same without any


@dataclass(frozen=True, slots=True)
class Agreed:
    """A document as annotators agree on it: the mentions, who gave exactly these, and the agreement of all who
    answered with them."""

    document: Document
    spans: tuple[Span, ...]
    annotators: tuple[str, ...]
    agreement: Fraction
    unanimous: bool

    @property
    def types(self) -> frozenset[str]:
        return frozenset(span.type for span in self.spans)


def with_agreed_examples(
    refinement: Refinement, start: StartingPoint, before: AnnotatedRound, settings: SupervisorSettings
) -> Refinement:
    """Return a refinement whose guideline has examples from the round before it.

    They take the place of those that the guideline has. It keeps these where no document qualifies, where the round
    before was taken back, and where refinement has ended.
    """
    if settings.examples == NO_EXAMPLES or start.stopped or not start.accepted:
        return refinement
    guideline, record = refinement.guideline, dict(refinement.record)
    agreed = agreed_documents(before.documents, before.annotations, before.agreement.weights, settings)
    chosen = varied(agreed, settings.examples, settings.examples_shown)
    if chosen:
        examples = tuple(example_of(entry, guideline.round - 1) for entry in chosen)
        own = AgreedExamples(settings.examples, settings.examples_shown, examples)
        record["kept_previous"] = record["kept_previous"] and own == guideline.agreed
        guideline = replace(guideline, agreed=own)
    record["examples"] = {
        "documents": len(before.documents),
        "agreed": len(agreed),
        "chosen": [entry.document.id for entry in chosen],
    }
    return replace(refinement, guideline=guideline, record=record)


def agreed_documents(
    documents: Sequence[Document],
    annotations: Mapping[str, Sequence[Annotation]],
    weights: Mapping[str, float],
    settings: SupervisorSettings,
) -> list[Agreed]:
    """Return the documents that may serve as examples, in their order.

    Of the different sets of mentions that annotators gave a document, the one that all who answered agree with most
    stands for it; it must be the exact answer of two annotators or more, so that no vote makes up mentions that
    nobody gave. Left out are documents of an agreement below `examples_agreement`, of more than `examples_words`
    tokens, of tokens with a space in them, and those without a mention on which not all agree.
    """
    least = as_written(settings.examples_agreement)
    by_document = {name: {row.id: row for row in rows} for name, rows in annotations.items()}
    found = []
    for document in documents:
        if not 0 < len(document.tokens) <= settings.examples_words or any(map(_has_space, document.tokens)):
            continue
        rows = {name: own[document.id] for name, own in by_document.items() if document.id in own}
        best = agreed_document(document, rows, weights)
        if best is not None and best.agreement >= least and (best.spans or best.unanimous):
            found.append(best)
    return found


def agreed_document(document: Document, rows: Mapping[str, Annotation], weights: Mapping[str, float]) -> Agreed | None:
    """Return the answer to a document with which agreement is greatest, ties to the first in order of mentions; None if
    no two annotators gave the same. `rows` are its annotations by annotator."""
    answers = {name: tuple(sorted(row.spans)) for name, row in sorted(rows.items()) if row.failure is None}
    exact = {name: as_written(weights[name]) for name in answers}
    total = sum(exact.values(), Fraction(0))
    share = {name: weight / total if total else Fraction(1, len(exact)) for name, weight in exact.items()}
    best: Agreed | None = None
    for spans in sorted(set(answers.values())):
        givers = tuple(name for name, own in answers.items() if own == spans)
        if len(givers) < 2:
            continue
        agreement = sum((share[name] * span_f1(spans, own) for name, own in answers.items()), Fraction(0))
        if best is None or agreement > best.agreement:
            best = Agreed(document, spans, givers, agreement, len(givers) == len(answers))
    return best


def varied(agreed: Sequence[Agreed], choice: str, shown: int) -> list[Agreed]:
    """Return the examples of a guideline, best first; bounded.

    Documents with types that are not among the chosen ones come first (once all types are, they count anew), then
    those of higher agreement, of more types, of more mentions, of fewer words; ties go to the first by id. One
    document without any mention, if there is one and more than one example is shown, stands last of those shown. fixed:
    one more than are shown, for the documents that are examples themselves. similar: at most POOL and EMPTY_POOL.
    """
    full = _by_types([entry for entry in agreed if entry.spans])
    empty = sorted((entry for entry in agreed if not entry.spans), key=lambda entry: _rank(entry, frozenset()))
    if choice == SIMILAR:
        return full[:POOL] + empty[:EMPTY_POOL]
    first = empty[: int(shown > 1)]
    before = shown - len(first)
    return [*full[:before], *first, *full[before : before + 1]]


def span_f1(one: Iterable[Span], other: Iterable[Span]) -> Fraction:
    """Return the strict span F1 of two sets of mentions of a document; of two empty ones 1.

    >>> span_f1([Span(0, 1, "PER")], [Span(0, 1, "PER"), Span(2, 3, "LOC")]), span_f1([], [])
    (Fraction(2, 3), Fraction(1, 1))
    """
    first, second = set(one), set(other)
    size = len(first) + len(second)
    return Fraction(2 * len(first & second), size) if size else Fraction(1)


def _by_types(agreed: Sequence[Agreed]) -> list[Agreed]:
    waiting = list(agreed)
    every = frozenset(name for entry in agreed for name in entry.types)
    covered: Counter[str] = Counter()
    chosen = []
    while waiting:
        times = min(covered[name] for name in every)
        shown = frozenset(name for name in every if covered[name] > times)
        best = min(waiting, key=lambda entry: _rank(entry, shown))
        waiting.remove(best)
        chosen.append(best)
        covered.update(best.types)
    return chosen


def _rank(entry: Agreed, shown: frozenset[str]) -> tuple[object, ...]:
    return (
        -len(entry.types - shown),
        -entry.agreement,
        -len(entry.types),
        -len(entry.spans),
        len(entry.document.tokens),
        entry.document.id,
    )


def example_of(entry: Agreed, number: int) -> AgreedExample:
    """Return an agreed document of a round as a guideline has it."""
    document = entry.document
    joined = " ".join(document.tokens)
    return AgreedExample(
        render_brackets(document.tokens, entry.spans),
        number,
        document.id,
        entry.annotators,
        rounded_finely(float(entry.agreement)),
        "" if document.text == joined else document.text,
    )


def _has_space(token: str) -> bool:
    return any(character.isspace() for character in token)
