"""Limits on how much of a run goes into the page, so that it stays one file that opens at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`documents` a round and of the test set, the most disputed; `hotspots` a round (those that receipts name come on
    top), in `context` tokens where the document is not one of those; `answers` of the supervisor a refinement, of at
    most `characters` each; `failures` an annotator and round; `examples` an instruction."""

    documents: int = 1000
    hotspots: int = 60
    context: int = 30
    answers: int = 40
    characters: int = 1500
    failures: int = 20
    examples: int = 10


# Tried in order until the page is small enough: documents that nobody disputes are missed least.
STEPS = (
    Limits(),
    Limits(documents=300, answers=20, characters=800, failures=10),
    Limits(documents=120, hotspots=40, context=15, answers=20, characters=800, failures=10),
    Limits(documents=60, hotspots=40, context=15, answers=20, characters=800, failures=10),
    Limits(documents=30, hotspots=25, context=10, answers=10, characters=500, failures=5, examples=4),
    Limits(documents=12, hotspots=12, context=6, answers=4, characters=300, failures=3, examples=2),
    Limits(documents=4, hotspots=5, context=3, answers=0, failures=1, examples=1),
    Limits(documents=0, hotspots=5, context=3, answers=0, failures=1, examples=1),
)


def clipped(text: str, characters: int) -> str:
    """Return the text, or its first characters and a mark.

    >>> clipped("abcdef", 4)
    'abcd…'
    """
    return text if len(text) <= characters else f"{text[:characters]}…"
