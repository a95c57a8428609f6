"""Limits on how much of a run goes into the page, so that it stays one file that opens at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`hotspots` a round (those that receipts name come on top), `context` tokens shown around a document's
    hotspots, `answers` of the supervisor a refinement, of at most `characters` each; `failures` an annotator and
    round; `examples` an instruction."""

    hotspots: int = 60
    context: int = 30
    answers: int = 40
    characters: int = 1500
    failures: int = 20
    examples: int = 10


# Tried in order until the page is small enough.
STEPS = (
    Limits(),
    Limits(hotspots=40, context=15, answers=20, characters=800, failures=10),
    Limits(hotspots=25, context=10, answers=10, characters=500, failures=5, examples=4),
    Limits(hotspots=12, context=6, answers=4, characters=300, failures=3, examples=2),
    Limits(hotspots=5, context=3, answers=0, failures=1, examples=1),
)


def clipped(text: str, characters: int) -> str:
    """Return the text, or its first characters and a mark.

    >>> clipped("abcdef", 4)
    'abcd…'
    """
    return text if len(text) <= characters else f"{text[:characters]}…"
