"""When too many documents have no annotation, a stage stops rather than pass a thin sample off as a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stages.contracts import Annotation
from stages.errors import ProviderError


def failed_share(annotations: Sequence[Annotation]) -> float:
    """Share of documents without an annotation, 0 to 1; 0.0 for no documents."""
    return sum(a.failure is not None for a in annotations) / len(annotations) if annotations else 0.0


def refuse_too_many_failures(annotations: Sequence[Annotation], allowed: float, label: str) -> None:
    """Raise ProviderError with the causes if the failed share is above `allowed`."""
    if failed_share(annotations) <= allowed:
        return
    failures = [a.failure for a in annotations if a.failure is not None]
    causes = Counter(failure.code for failure in failures)
    table = ", ".join(f"{code} {count}" for code, count in sorted(causes.items(), key=lambda item: (-item[1], item[0])))
    raise ProviderError(
        f"{label}: {len(failures)} of {len(annotations)} documents failed ({table}; first: {failures[0].detail}); "
        f"allowed share is {allowed:g} (params answers.max_failed_share). What was answered is kept: "
        "run again to ask only for the rest"
    )
