"""What became of one annotator's answers in one round, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from stages.annotator.settings import AnnotatorSettings
from stages.contracts import Annotation


def tally(annotator: AnnotatorSettings, annotations: Sequence[Annotation]) -> dict[str, Any]:
    """Counts over documents (schemas/tally.schema.json).

    `structured` is what the model was held to, `repaired` the documents that took a repair turn, `failures`
    the documents without annotation by cause, `mentions` those used, `drops` the answered ones that were not,
    by reason.
    """
    failures = Counter(row.failure.code for row in annotations if row.failure is not None)
    drops: Counter[str] = Counter()
    for row in annotations:
        drops.update(row.drops)
    return {
        "structured": annotator.model.structured,
        "documents": len(annotations),
        "repaired": sum(row.repairs > 0 for row in annotations),
        "failures": dict(sorted(failures.items())),
        "mentions": sum(len(row.spans) for row in annotations),
        "drops": dict(sorted(drops.items())),
    }
