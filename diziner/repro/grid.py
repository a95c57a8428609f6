"""Live table of a run: a row for each benchmark, a column for each round, and the stages under way."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from diziner.repro.plan import Step
from diziner.repro.view import View, duration, last_lines

_EVERY_S = 0.2
_MOST_ROWS = 12  # of stages under way
_GONE_WELL = {"unchanged", "cached", "finished"}


def column(step: Step) -> str:
    """Return the column of a stage: `start`, a round such as `r1`, or `end`.

    A refinement stands in the round it writes the guideline of.

    >>> column(Step("data/b/dvc.yaml:annotate@m-round1")), column(Step("data/b/dvc.yaml:refine@step0"))
    ('r1', 'r1')
    >>> column(Step("data/b/dvc.yaml:corpus")), column(Step("summary"))
    ('start', 'end')
    """
    number = re.search(r"@.*?(\d+)$", step.name)
    if number is None or step.kind == "predict":
        return "start" if step.kind == "corpus" else "end"
    return f"r{int(number[1]) + (step.kind == 'refine')}"


def column_order(name: str) -> tuple[int, int]:
    """Sort columns from start to end, rounds by number."""
    number = name.removeprefix("r")
    return (1, int(number)) if number.isdigit() else (0 if name == "start" else 2, 0)


class Grid(View):
    """A run as a live table; lines that stay are printed above it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = Console(file=stream)
        # Drawn by the run's own loop: no thread.
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._steps: list[Step] = []
        self._states: dict[str, str] = {}
        self._under_way: dict[str, tuple[Step, float, Path]] = {}
        self._drawn_at = 0.0

    def begin(self, steps: Sequence[Step], jobs: int) -> None:
        super().begin(steps, jobs)
        self._steps = sorted(steps, key=lambda step: step.name)

    def started(self, step: Step, log: Path) -> None:
        self._states[step.name] = "running"
        self._under_way[step.name] = (step, time.monotonic(), log)

    def ended(self, step: Step, how: str, seconds: float | None) -> None:
        self._left.pop(step.name, None)
        self._under_way.pop(step.name, None)
        self._states[step.name] = how
        if how == "finished" and seconds is not None:
            self._seen[step.kind].append(seconds)

    def left_out(self, group: str, steps: Iterable[Step], why: str) -> None:
        self._steps = [step for step in self._steps if step.group != group]
        for name in [name for name, (step, _, _) in self._under_way.items() if step.group == group]:
            del self._under_way[name]
        super().left_out(group, steps, why)

    def failed(self, step: Step, why: str, log: Path | None) -> None:
        self._under_way.pop(step.name, None)
        self._states[step.name] = "failed"
        super().failed(step, why, log)

    def say(self, line: str) -> None:
        self._console.print(Text(line))

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._drawn_at >= _EVERY_S:
            self._drawn_at = now
            self._live.update(self.table(now), refresh=True)

    def table(self, now: float) -> Group:
        """Return the table as it stands at the monotonic time `now`."""
        cells: dict[tuple[str, str], Counter[str]] = {}
        for step in self._steps:
            where = (step.group.rpartition("/")[2], column(step))
            cells.setdefault(where, Counter())[self._states.get(step.name, "waiting")] += 1
        columns = sorted({name for _, name in cells}, key=column_order)
        table = Table("benchmark", *columns, box=None, header_style="bold")
        for group in sorted({group for group, _ in cells}):
            table.add_row(group or "all", *(_cell(cells.get((group, name), Counter())) for name in columns))
        lines = []
        for step, began, log in list(self._under_way.values())[:_MOST_ROWS]:
            [said] = last_lines(log, 1) or [""]
            lines.append(Text(f"  {step.label}  {duration(now - began)}  {said}", no_wrap=True, overflow="ellipsis"))
        over = len(self._steps) - len(self._left)
        left = self.left()
        rest = "" if left is None else f", about {duration(left)} left"
        return Group(table, *lines, Text(f"{over} of {len(self._steps)} stages{rest}", style="bold"))

    def __enter__(self) -> Grid:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def _cell(states: Counter[str]) -> Text:
    if not states:
        return Text("")
    good = sum(states[name] for name in _GONE_WELL)
    text = Text(f"{good}/{states.total()}")
    if states["running"]:
        text.append(f" ▸{states['running']}")
    if states["failed"]:
        return Text(f"{text} ✗{states['failed']}", style="red")
    if good == states.total():
        text.stylize("green")
    elif states["running"]:
        text.stylize("yellow")
    else:
        text.stylize("dim")
    return text
