"""Outcome of a run: what became of its stages, and what stopped it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from diziner.repro.plan import Step


@dataclass(frozen=True, slots=True)
class Failure:
    """A stage that failed: why, the exit code to pass on, and the file with its output, if it ran."""

    step: Step
    code: int
    message: str
    log: Path | None = None


@dataclass
class Outcome:
    """Outcome of a run: stages by what became of them; `signal` is what stopped it, if anything did.

    `waiting` are those that wait for answers from a batch: no failures, others go on. `left_out` says by group why it
    could not be part of the run.
    """

    unchanged: int = 0
    cached: int = 0
    ran: int = 0
    stopped: int = 0
    failures: list[Failure] = field(default_factory=list)
    waiting: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    signal: int | None = None
