"""Provenance of local models' answers, as a note on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from diziner.records.usage import Usage


def computed_with(rows: Iterable[Usage], local: Collection[str]) -> list[tuple[str, int]]:
    """Count the answers of local models by provenance, each once, most first; empty is for those not recorded.

    `local` are the endpoints of local models.
    """
    answered = {row.key: row for row in rows if row.prompt_tokens is not None}
    counts = Counter(row.provenance for row in answered.values() if row.provenance or row.endpoint in local)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def provenance_note(counts: list[tuple[str, int]]) -> dict[str, Any] | None:
    """Say what computed the answers: `text`, and whether it is `mixed`. None where nothing is recorded.

    >>> provenance_note([("", 12)])
    >>> provenance_note([("runtime 1; 2 threads", 12)])["text"]
    'Answers of local models: all 12 by runtime 1; 2 threads.'
    """
    if not any(provenance for provenance, _ in counts):
        return None
    if len(counts) == 1:
        [(provenance, count)] = counts
        return {"text": f"Answers of local models: all {count} by {provenance}.", "mixed": False}
    listed = " | ".join(
        f"{count} {f'by {provenance}' if provenance else 'not recorded'}" for provenance, count in counts
    )
    text = (
        f"The answers of local models were not all computed alike: {listed}. The same model answers a little "
        "differently on another machine or with another number of threads: small differences can come from that."
    )
    return {"text": text, "mixed": True}
