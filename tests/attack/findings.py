"""What an attack came to: a case that was tried, the verdict on it, and the counts of a part."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["refused", "accepted", "unreviewed", "traceback", "wrong"]
FAILED: tuple[Verdict, ...] = ("unreviewed", "traceback", "wrong")
WORDS: dict[Verdict, str] = {
    "refused": "refused in one line",
    "accepted": "accepted",
    "unreviewed": "accepted, not on the reviewed list",
    "traceback": "tracebacks",
    "wrong": "wrong",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One attack: its number in the list of its part, what is done in words, and what the part needs to do it. `count`
    is how many faults are in it, `short` whether it is in the short form, where that is not by turns."""

    number: int
    what: str
    given: Any
    count: int = 1
    short: bool | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a case. `detail`: the line of a refusal, else why the case failed."""

    verdict: Verdict
    detail: str = ""


Attempt = Callable[[Any], Finding]


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of attack.

    `cases` makes the whole list, the same for the same seed. `prepared` gives, in a folder of the worker's own, what
    tries a case. `least`: so many the whole form must have tried. `brief`: every so many-th case is in the short form.
    `limit_s`: what a case may take before it counts as hung. `workers`: how many may be tried at once.
    """

    name: str
    cases: Callable[[int], list[Case]]
    prepared: Callable[[Path], Attempt]
    least: int
    brief: int
    limit_s: float = 60.0
    workers: int = 2


@dataclass(slots=True)
class Counts:
    """How many cases of a part were tried, and what they came to."""

    tried: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    def add(self, case: Case, finding: Finding) -> None:
        self.tried += case.count
        self.verdicts[finding.verdict] += 1

    @property
    def failed(self) -> int:
        return sum(self.verdicts[verdict] for verdict in FAILED)

    def in_words(self) -> str:
        return f"{self.tried} tried: " + ", ".join(
            f"{self.verdicts[verdict]} {words}"
            for verdict, words in WORDS.items()
            if self.verdicts[verdict] or verdict in ("refused", "traceback", "wrong")
        )


def raised(error: BaseException) -> Finding:
    """The finding for whatever escaped: its kind, its text and the innermost place in the project."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/diziner/" in frame.filename or "/stages/" in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
    text = " ".join(str(error).split())
    return Finding("traceback", f"{type(error).__name__} at {place}: {text[:200]}")
