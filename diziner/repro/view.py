"""View of a run for people: plain lines, or a live table on a terminal."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from diziner.common.streams import in_encoding_of
from diziner.common.words import counted, listed
from diziner.repro.outcome import Outcome
from diziner.repro.plan import Step, seconds_left
from diziner.repro.units import MOST, in_words, units

LAST_LINES = 20
_SILENCE_S = 60.0  # without a line, then one says how far the run is; longer, the longer it has been going
_SHARE = 0.25
_NOTES = 3  # of stages, in a run of many
WAITING = "error: waiting: "  # how the last line of a stage begins that waits for a batch (diziner.llm.waiting)


class View:
    """A run as plain lines, about as many as fit on a screen: one for each unit (`units`) that has come to its end and
    was not unchanged, for what failed or was left out, and, after a minute without any, for how far the run is. A run
    of a few stages has one for each that starts, too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began = self._said = time.monotonic()
        self._seen: dict[str, list[float]] = defaultdict(list)
        self._left: dict[str, Step] = {}
        self._running: dict[str, Step] = {}
        self._total = self._notes = 0
        self._jobs = 1
        self._units: dict[str, str] = {}
        self._open: Counter[str] = Counter()  # stages of a unit that have not ended
        self._became: dict[str, Counter[str]] = defaultdict(Counter)
        self._since: dict[str, float] = {}
        self._failures: set[tuple[str, ...]] = set()  # what stages that failed have said

    def begin(self, steps: Sequence[Step], jobs: int) -> None:
        """Note the run's stages."""
        self._left = {step.name: step for step in steps}
        self._total = len(steps)
        self._jobs = jobs
        self._units = units(steps)
        self._open = Counter(self._units.values())

    def started(self, step: Step, log: Path) -> None:
        """Note that a stage's command has started; its output goes to `log`."""
        self._running[step.name] = step
        if step.group:  # what is of no room runs first and last
            self._since.setdefault(self._units[step.name], time.monotonic())
        if self._total * 2 <= MOST:
            self.say(f"started   {step.label}")

    def ended(self, step: Step, how: str, seconds: float | None) -> None:
        """Note a stage's end: unchanged, cached, finished, stopped, waiting or skipped."""
        self._left.pop(step.name, None)
        if how == "finished" and seconds is not None:
            self._seen[step.kind].append(seconds)
        self._over(step, how)

    def failed(self, step: Step, why: str, log: Path | None) -> None:
        """Show that a stage has failed, with the last lines of its output."""
        self._left.pop(step.name, None)
        self.say(f"failed    {step.label}: {why}")
        lines = tuple(last_lines(log, LAST_LINES))
        for line in ("its output is that of an earlier one",) if lines in self._failures else lines:
            self.say(f"    {line}")
        self._failures |= {lines} if lines else set()
        self._over(step, "failed")

    def note(self, step: Step, line: str) -> None:
        """Show what a stage has to say to people; in a run of many stages the first of them."""
        self._notes += self._units[step.name] != step.label
        if self._notes <= _NOTES:
            self.say(f"    {line}")

    def forget(self, steps: Iterable[Step]) -> None:
        """Note that stages are no part of the run."""
        for step in steps:
            if self._left.pop(step.name, None):
                self._over(step, "")

    def _over(self, step: Step, how: str) -> None:
        """Count what became of a stage; "" of one that is no part of the run. Tell of its unit if it was the last."""
        self._running.pop(step.name, None)
        unit = self._units[step.name]
        self._open[unit] -= 1
        became = self._became[unit]
        became += Counter([how] if how else [])
        if not self._open[unit] and (line := _told(unit, became, self._since.get(unit))):
            self.tell(line)

    def tell(self, line: str) -> None:
        """Write what became of a unit."""
        self.say(line)

    def left_out(self, group: str, steps: Iterable[Step], why: str) -> None:
        """Note that a group's stages are no part of the run, and why."""
        self.forget(steps)
        self.say(left_out_line(group, why))

    def tick(self) -> None:
        """Note that time has passed."""
        now = time.monotonic()
        if self._running and now - self._said >= max(_SILENCE_S, _SHARE * (now - self._began)):
            under_way = listed([step.label for step in self._running.values()], 2)
            self.say(f"running   {self.how_far()}: {under_way}")

    def how_far(self) -> str:
        """Return how many stages are over, and how long the rest will take."""
        left = self.left()
        rest = "" if left is None else f", about {duration(left)} left"
        return f"{self._total - len(self._left)} of {counted(self._total, 'stage')}{rest}"

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self._said = time.monotonic()
        self._stream.write(in_encoding_of(self._stream, f"{line}\n"))
        self._stream.flush()

    def close(self, outcome: Outcome) -> None:
        """Sum the run up in one line."""
        if (more := self._notes - _NOTES) > 0:
            self.say(f"    {counted(more, 'note')} more of stages: `grep -r ^note: .dvc/tmp/diziner`")
        self.say(summary(outcome, len(self._left), time.monotonic() - self._began))

    def left(self) -> float | None:
        """Return seconds that the rest will take, by what was seen so far."""
        return seconds_left(list(self._left.values()), self._seen, self._jobs)

    def __enter__(self) -> View:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open."""


class DocumentsView(View):
    """Preparation of documents as plain lines, without what the command itself says: who is left out, and a sum."""

    def left_out(self, group: str, steps: Iterable[Step], why: str) -> None:
        """Note that a group's stages are no part of the run."""
        self.forget(steps)

    def close(self, outcome: Outcome) -> None:
        """Say nothing of the whole."""


def left_out_line(group: str, why: str) -> str:
    """Return the line about a group that is left out: its name, and why.

    >>> left_out_line("data/genia", "genia: no such file")
    'left out  genia: no such file'
    """
    name = group.rpartition("/")[2]
    return f"left out  {name}: {why.removeprefix(f'{name}: ')}"


def _told(unit: str, became: Counter[str], since: float | None) -> str:
    """Return the line about a unit that is over; nothing of one in which nothing happened or what did has been told."""
    if became.keys() <= {"unchanged"} or became.keys() == {"failed"}:
        return ""
    took = "" if since is None else f"  {time.monotonic() - since:.1f} s"
    if became.total() == 1:
        return f"{next(iter(became)):<9} {unit}{took}"
    how = "ended" if became.keys() & {"failed", "skipped", "stopped", "waiting"} else "finished"
    return f"{how:<9} {unit}: {in_words(became)}{took}"


def summary(outcome: Outcome, left: int, seconds: float) -> str:
    """Return a run in one line."""
    ended = outcome.unchanged + outcome.cached + outcome.ran + outcome.stopped + len(outcome.waiting)
    total = ended + len(outcome.failures) + len(outcome.skipped) + left
    if outcome.unchanged == total:
        without = f", {_left_out(outcome)}" if outcome.left_out else ""
        return f"up to date: {counted(total, 'stage')} unchanged{without}"
    parts = [(outcome.ran, "ran"), (outcome.cached, "from the run-cache"), (outcome.unchanged, "unchanged")]
    parts += [(len(outcome.failures), "failed"), (outcome.stopped, "stopped")]
    parts += [(len(outcome.waiting), "waiting for batches")]
    parts += [(len(outcome.skipped), "skipped"), (left, "not begun")]
    told = [f"{count} {word}" for count, word in parts if count] + ([_left_out(outcome)] if outcome.left_out else [])
    return f"{counted(total, 'stage')} in {seconds:.1f} s: {', '.join(told)}"


def last_lines(log: Path | None, count: int) -> list[str]:
    """Return the last lines of a stage's output, without what a progress line has overwritten."""
    if log is None or not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode("utf-8", errors="replace")
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
    return [line for line in lines if line.strip()][-count:]


def notes(log: Path) -> list[str]:
    """Return the lines of a stage's output that are for people: those that begin with "note: "."""
    return [line.removeprefix("note: ") for line in last_lines(log, 1000) if line.startswith("note: ")]


def waits_for(log: Path) -> str:
    """Return what a stage says that waits for a batch; nothing of one that does not."""
    last = "".join(last_lines(log, 1))
    return last.removeprefix(WAITING) if last.startswith(WAITING) else ""


def duration(seconds: float) -> str:
    """Return seconds for people.

    >>> duration(75), duration(7500), duration(4.4)
    ('1 min 15 s', '2 h 05 min', '4 s')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def _left_out(outcome: Outcome) -> str:
    return f"{counted(len(outcome.left_out), 'benchmark')} left out"
