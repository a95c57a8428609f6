"""Limits on failed documents: a stage with too many stops, since its result would speak for a thin sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.common.errors import ProviderError
from diziner.common.exact import as_written
from diziner.records.annotations import OUTAGES, Annotation
from diziner.records.documents import Document
from diziner.spans.widened import counted, widened_in

TOO_LONG = "too_long"
_ASKED_ANEW = {*OUTAGES, "truncated", "empty"}
_MANY = 20  # documents; of fewer, each one is much


def may_fail(documents: int, answers: AnswerSettings) -> int:
    """Return how many of so many documents may fail.

    >>> [may_fail(number, AnswerSettings(max_failed_share=0.05)) for number in (10, 19, 20, 25, 100)]
    [0, 0, 2, 2, 5]
    """
    by_share = int(as_written(answers.max_failed_share) * documents)
    return max(by_share, min(answers.allowed_failures, documents)) if documents >= _MANY else by_share


def refuse_too_many_failures(annotations: Sequence[Annotation], answers: AnswerSettings, label: str) -> None:
    """Raise ProviderError with a table of the causes if more documents failed than may."""
    failures = [(a.id, a.failure) for a in annotations if a.failure is not None]
    if len(failures) <= may_fail(len(annotations), answers):
        return
    causes = Counter(failure.code for _, failure in failures)
    table = ""
    for code, count in sorted(causes.items(), key=lambda item: (-item[1], item[0])):
        document, first = next((id_, failure) for id_, failure in failures if failure.code == code)
        table += f"  {code:<14}{count:>4}   first {document}: {first.detail}\n"
    raise ProviderError(
        f"{label}: {len(failures)} of {len(annotations)} documents failed; {allowed_in_words(answers)}\n"
        f"{table}"
        f"{ways_on(causes, 'diziner repro --again')}"
    )


def allowed_in_words(answers: AnswerSettings) -> str:
    """Return what may fail, with the settings' names."""
    share = f"the allowed share is {answers.max_failed_share:g} (params answers.max_failed_share)"
    return f"{share}, or {answers.allowed_failures} in {_MANY} and more (answers.allowed_failures)"


def ways_on(codes: Iterable[str], again: str) -> str:
    """Return what helps against failures of these codes; `again` is the command that asks for other answers."""
    found = set(codes)
    ways = []
    if found & _ASKED_ANEW:
        ways.append("run the same command again to ask only for the rest")
    if kept := found - set(OUTAGES):
        ways.append(f"`{again}` asks once more for what is {', '.join(sorted(kept))}")
    if TOO_LONG in found:
        ways.append("shorten what is too_long, or serve the model with a larger window and ask again")
    return f"What was answered is kept: {'; '.join([*ways, 'or allow more to fail'])}."


def tally(
    annotator: AnnotatorSettings, annotations: Sequence[Annotation], documents: Sequence[Document]
) -> dict[str, Any]:
    """Count over documents (schemas/tally.schema.json): as `counts_over`, with what the model was held to
    (`structured`) and the documents that took a repair turn (`repaired`)."""
    return {
        "structured": "none" if annotator.model is None else annotator.model.structured,
        "documents": len(annotations),
        "repaired": sum(row.repairs > 0 for row in annotations),
        **counts_over(annotations, documents),
    }


def counts_over(annotations: Sequence[Annotation], documents: Sequence[Document]) -> dict[str, Any]:
    """Count what became of documents and answers: for tallies of a round, and for the shards of a labelling.

    `failures`: the documents without annotation by cause, `mentions` those used, `drops` the answered ones that were
    not, by reason, `forms` what in answers had another form than asked for, by kind. `matched`: used answers that
    differ from the text, by what was overlooked to find them; `widened`: mentions whose tokens have more in them than
    was answered, with examples.
    """
    failures = Counter(row.failure.code for row in annotations if row.failure is not None)
    drops: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    matched: Counter[str] = Counter()
    for row in annotations:
        drops.update(row.drops)
        forms.update(row.forms)
        matched.update(row.matched)
    return {
        "failures": dict(sorted(failures.items())),
        "mentions": sum(len(row.spans) for row in annotations),
        "drops": dict(sorted(drops.items())),
        "forms": dict(sorted(forms.items())),
        "matched": dict(sorted(matched.items())),
        "widened": counted(widened_in(documents, annotations)),
    }
