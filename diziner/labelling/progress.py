"""How far a labelling is: one live line on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from diziner.labelling.output_folder import Report

_PLAIN_LINE_EVERY_S = 10.0
_REDRAW_EVERY_S = 0.5
_ROWS_A_LINE = 200_000


class Board:
    """Documents done of `total`, `found` of them in earlier runs; failures, cost, rate and time left.

    `cost` tells US dollars spent since the start. Rate and time left are of this run's work alone, without the
    time to its first answer. What is known of the documents of a shard under way is how many answers came back:
    all are counted once it is finished.
    """

    def __init__(self, label: str, total: int, found: int, cost: Callable[[], float], stream: TextIO) -> None:
        self._label = label
        self._total = total
        self._found = found
        self._finished = 0
        self._under_way = 0
        self._failed = 0
        self._cost = cost
        self._stream = stream
        self._bar: Any = None
        self._task: Any = None
        self._started = self._said = time.monotonic()
        self._first: tuple[float, int] | None = None  # when the first documents were done, and how many

    def __enter__(self) -> Board:
        if self._stream.isatty():
            self._open_bar()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._show()
            self._bar.stop()
        elif self._finished:
            self._say()

    def answered(self) -> None:
        """A document of a shard under way has its answer."""
        self._under_way += 1
        self._told()

    def shard_done(self, report: Report) -> None:
        """A shard is finished."""
        self._finished += report.documents
        self._failed += report.failed
        self._under_way = 0
        self._told()

    def line(self) -> str:
        """Where it stands, in words."""
        done = self._finished + self._under_way
        since, before = self._first or (self._started, 0)
        if done == before:
            since, before = self._started, 0
        rate = (done - before) / max(time.monotonic() - since, 1e-9)
        left = self._total - self._found - done
        parts = [f"{self._found + done:,} of {self._total:,} documents"]
        if self._found:
            parts.append(f"{self._found:,} from earlier runs")
        parts.append(f"{rate:,.1f} a second")
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        if cost := self._cost():
            parts.append(f"USD {cost:.4f}")
        if before and left > 0:
            parts.append(f"{_duration(left / rate)} left")
        return ", ".join(parts)

    def _told(self) -> None:
        now = time.monotonic()
        self._first = self._first or (now, self._finished + self._under_way)
        if now - self._said < (_PLAIN_LINE_EVERY_S if self._bar is None else _REDRAW_EVERY_S):
            return
        self._said = now
        if self._bar is None:
            self._say()
        else:
            self._show()

    def _say(self) -> None:
        self._stream.write(f"{self._label}: {self.line()}\n")
        self._stream.flush()

    def _show(self) -> None:
        done = self._found + self._finished + self._under_way
        self._bar.update(self._task, completed=done, description=self.line())

    def _open_bar(self) -> None:
        # Only where someone is watching: rich costs 0.1 s to import.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (BarColumn(bar_width=24), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=Console(file=self._stream))
        self._task = self._bar.add_task(self.line(), total=self._total, completed=self._found)
        self._bar.start()


def reading(stream: TextIO) -> Callable[[int], None]:
    """Takes numbers of rows read and says their sum every 200,000: the first look at a large input takes its time."""
    rows = said = 0

    def read(more: int) -> None:
        nonlocal rows, said
        rows += more
        if rows - said >= _ROWS_A_LINE:
            said = rows
            stream.write(f"reading: {rows:,} rows\n")
            stream.flush()

    return read


def _duration(seconds: float) -> str:
    """Seconds for people: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
