"""When too many documents have no annotation, a stage stops rather than pass a thin sample off as a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import ProviderError
from diziner.common.exact import as_written
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.spans.widened import counted, widened_in

LEFT_OUT = "left_out"  # the failure code of an annotator that the guideline leaves out


def taking_part(annotations: Mapping[str, Sequence[Annotation]]) -> dict[str, Sequence[Annotation]]:
    """The annotators that were asked, without those that the guideline leaves out."""
    return {
        name: rows
        for name, rows in annotations.items()
        if not all(row.failure is not None and row.failure.code == LEFT_OUT for row in rows)
    }


def refuse_too_many_failures(annotations: Sequence[Annotation], allowed: float, label: str) -> None:
    """Raise ProviderError with a table of the causes if the failed share is above `allowed`."""
    failures = [(a.id, a.failure) for a in annotations if a.failure is not None]
    if len(failures) <= as_written(allowed) * len(annotations):
        return
    causes = Counter(failure.code for _, failure in failures)
    table = ""
    for code, count in sorted(causes.items(), key=lambda item: (-item[1], item[0])):
        document, first = next((id_, failure) for id_, failure in failures if failure.code == code)
        table += f"  {code:<14}{count:>4}   first {document}: {first.detail}\n"
    raise ProviderError(
        f"{label}: {len(failures)} of {len(annotations)} documents failed; the allowed share is {allowed:g} "
        "(params answers.max_failed_share)\n"
        f"{table}"
        "What was answered is kept: run the same command again to ask only for the rest."
    )


def tally(
    annotator: AnnotatorSettings, annotations: Sequence[Annotation], documents: Sequence[Document]
) -> dict[str, Any]:
    """Count over documents (schemas/tally.schema.json).

    `structured` is what the model was held to, `repaired` the documents that took a repair turn, `failures`
    the documents without annotation by cause, `mentions` those used, `drops` the answered ones that were not,
    by reason, `forms` what in answers had another form than asked for, by kind. `matched`: used answers that differ
    from the text, by what was overlooked to find them; `widened`: mentions whose tokens have more in them than was
    answered, with examples.
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
        "structured": annotator.model.structured,
        "documents": len(annotations),
        "repaired": sum(row.repairs > 0 for row in annotations),
        "failures": dict(sorted(failures.items())),
        "mentions": sum(len(row.spans) for row in annotations),
        "drops": dict(sorted(drops.items())),
        "forms": dict(sorted(forms.items())),
        "matched": dict(sorted(matched.items())),
        "widened": counted(widened_in(documents, annotations)),
    }
