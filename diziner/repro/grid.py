"""Live table of a run: a row for each benchmark, a column for each round, and the stages under way.

It keeps to the screen: what has no place is summed up, so that the last line, of the whole run, is always there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console, Group, OverflowMethod
from rich.live import Live
from rich.table import Table
from rich.text import Text

from diziner.common.streams import in_encoding_of
from diziner.repro.plan import Step
from diziner.repro.units import ALL, ROUNDS, column, column_order, room_of
from diziner.repro.view import View, duration, last_lines

_EVERY_S = 0.2
_MOST_ROWS = 12  # of stages under way
_FEWEST_ROWS = 3
_GONE_WELL = {"unchanged", "cached", "finished"}
_SPACE = 2  # between columns
_NAME = 6  # characters of a room's name that are always shown

Cells = dict[str, dict[str, Counter[str]]]  # room -> column -> stages by state


class Grid(View):
    """A run as a live table; lines that stay are printed above it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = Console(file=stream, highlight=False)
        # Drawn by the run's own loop: no thread.
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._steps: list[Step] = []
        self._states: dict[str, str] = {}
        self._under_way: dict[str, tuple[Step, float, Path]] = {}
        self._drawn_at = 0.0
        plain = not (self._console.encoding or "").lower().startswith("utf")
        self._overflow: OverflowMethod = "crop" if plain else "ellipsis"
        self._marks = {"running": ">", "failed": "x"} if plain else {"running": "▸", "failed": "✗"}

    def begin(self, steps: Sequence[Step], jobs: int) -> None:
        super().begin(steps, jobs)
        self._steps = sorted(steps, key=lambda step: step.name)

    def started(self, step: Step, log: Path) -> None:
        self._states[step.name] = "running"
        self._under_way[step.name] = (step, time.monotonic(), log)

    def ended(self, step: Step, how: str, seconds: float | None) -> None:
        self._under_way.pop(step.name, None)
        self._states[step.name] = how
        super().ended(step, how, seconds)

    def forget(self, steps: Iterable[Step]) -> None:
        gone = {step.name for step in steps}
        super().forget(step for step in self._steps if step.name in gone)
        self._steps = [step for step in self._steps if step.name not in gone]
        for name in gone & self._under_way.keys():
            del self._under_way[name]

    def failed(self, step: Step, why: str, log: Path | None) -> None:
        self._under_way.pop(step.name, None)
        self._states[step.name] = "failed"
        super().failed(step, why, log)

    def say(self, line: str) -> None:
        self._console.print(Text(in_encoding_of(self._stream, line)))

    def tell(self, line: str) -> None:
        """Say nothing of what the table shows."""

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._drawn_at >= _EVERY_S:
            self._drawn_at = now
            self._live.update(self.table(now), refresh=True)

    def table(self, now: float) -> Group:
        """Return the table as it stands at the monotonic time `now`, no larger than the screen."""
        cells: Cells = {}
        for step in self._steps:
            states = cells.setdefault(room_of(step), {}).setdefault(column(step), Counter())
            states[self._states.get(step.name, "waiting")] += 1
        width, height = self._console.size
        under_way = list(self._under_way.values())
        shown = max(_FEWEST_ROWS, min(_MOST_ROWS, height - len(cells) - 3))
        lines = [self._line(_under_way(*each, now)) for each in under_way[:shown]]
        if len(under_way) > shown:
            lines.append(self._line(f"  and {len(under_way) - shown} more under way"))
        cells, rest = _within_height(cells, height - len(lines) - 3)
        rows = self._rows(cells)
        if sum(max(map(len, own)) + _SPACE for own in zip(*rows, strict=True)) > width:
            rows = self._rows({name: _together(own) for name, own in cells.items()})
        lines = [*(self._line(line, "dim") for line in rest), *lines, self._line(self.how_far(), "bold")]
        return Group(_table(rows, width, self._overflow), *lines)

    def _line(self, text: str, style: str = "") -> Text:
        return Text(in_encoding_of(self._stream, text), style, no_wrap=True, overflow=self._overflow)

    def _rows(self, cells: Cells) -> list[list[Text]]:
        """Return the head and a row for each room."""
        columns = sorted({name for own in cells.values() for name in own}, key=column_order)
        return [[Text(name) for name in ("benchmark", *columns)]] + [
            [Text(room), *(self._cell(own.get(name, Counter())) for name in columns)]
            for room, own in sorted(cells.items(), key=lambda one: (one[0] == ALL, one[0]))
        ]

    def _cell(self, states: Counter[str]) -> Text:
        if not states:
            return Text("")
        good = sum(states[name] for name in _GONE_WELL)
        text = Text(f"{good}/{states.total()}")
        if states["failed"]:
            return Text(f"{text} {self._marks['failed']}{states['failed']}", style="red")
        if states["running"]:
            text.append(f" {self._marks['running']}{states['running']}")
        if good == states.total():
            text.stylize("green")
        elif states["running"]:
            text.stylize("yellow")
        else:
            text.stylize("dim")
        return text

    def __enter__(self) -> Grid:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def _under_way(step: Step, began: float, log: Path, now: float) -> str:
    [said] = last_lines(log, 1) or [""]
    return f"  {step.label}  {duration(now - began)}  {said}"


def _table(rows: Sequence[Sequence[Text]], width: int, overflow: OverflowMethod) -> Table:
    table = Table(*map(str, rows[0]), box=None, header_style="bold", padding=(0, _SPACE, 0, 0))
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for own, needed in zip(table.columns, widths, strict=True):
        own.no_wrap, own.overflow, own.min_width = True, overflow, needed
    # Names give way.
    table.columns[0].min_width = table.columns[0].max_width = max(
        _NAME, min(widths[0], width - sum(each + _SPACE for each in widths[1:]) - _SPACE)
    )
    for row in rows[1:]:
        table.add_row(*row)
    return table


def _within_height(cells: Cells, most: int) -> tuple[Cells, list[str]]:
    """Return the rooms that have a row where there is place for `most`, and lines about the others: first those that
    are done have none, then those that nothing was begun of, then others, the last by name first."""
    if len(cells) <= most:
        return cells, []
    most = max(1, most - 2)
    ranks = {name: _rank(sum(own.values(), Counter())) for name, own in cells.items()}
    kept = sorted(cells, key=lambda name: (ranks[name], name))[:most]
    out = Counter(ranks[name] for name in cells if name not in kept)
    words = ((0, "failed"), (1, "under way"), (2, "not begun"), (3, "done"))
    more = ", ".join(f"{out[rank]} more {what}" for rank, what in words if out[rank])
    return {name: cells[name] for name in kept}, [f"and {more}"]


def _rank(states: Counter[str]) -> int:
    if states["failed"]:
        return 0
    if states.keys() <= _GONE_WELL:
        return 3
    return 2 if states.keys() == {"waiting"} else 1


def _together(own: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    """Return a room's columns with those of all rounds in one."""
    found: dict[str, Counter[str]] = {}
    for name, states in own.items():
        found.setdefault(name if name in {"start", "end"} else ROUNDS, Counter()).update(states)
    return found
