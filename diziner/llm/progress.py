"""Progress of asking: a live bar on a terminal, plain lines elsewhere; silent where nothing is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO

from diziner.common.streams import can_be_redrawn

Advance = Callable[[], None]  # one more is done

_PLAIN_LINE_EVERY_S = 10.0
_REDRAW_EVERY_S = 0.5
_BAR = 24  # characters of the bar, where the terminal has so many that the words have their place
_WITH_BAR = 100


def _nothing() -> float:
    return 0.0


class Progress:
    """So many `things` done of `total`, `found` of them `found_in` without work; failures, cost, rate and time left.

    `cost` tells US dollars spent since the start. Rate and time left are of this run's work alone, without the time
    to the first that is done. Silent where nothing is done.
    """

    def __init__(
        self,
        label: str,
        total: int,
        found: int,
        stream: TextIO,
        things: str = "requests",
        found_in: str = "from the store",
        cost: Callable[[], float] = _nothing,
    ) -> None:
        self._label = label
        self._total = total
        self._found = found
        self._stream = stream
        self._things = things
        self._found_in = found_in
        self._cost = cost
        self._finished = 0
        self._under_way = 0
        self._failed = 0
        self._bar: Any = None
        self._task: Any = None
        self._started = self._said = time.monotonic()
        self._first: tuple[float, int] | None = None  # when the first were done, and how many

    def __enter__(self) -> Progress:
        if self._total > self._found and can_be_redrawn(self._stream):
            self._open_bar()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._show()
            self._bar.stop()
        elif self._done:
            self._say()

    def advance(self) -> None:
        """Count one more as done, as far as it is known before `finished` counts it."""
        self._under_way += 1
        self._told()

    def stands_at(self, under_way: int) -> None:
        """Set how many are done beyond those that `finished` has counted, where others count them."""
        self._under_way = under_way
        self._told()

    def finished(self, done: int, failed: int) -> None:
        """Count a part of the work as complete: so many done, in place of all that `advance` counted since the last
        part."""
        self._finished += done
        self._failed += failed
        self._under_way = 0
        self._told()

    def line(self) -> str:
        """Return where it stands, in words."""
        done = self._done
        since, before = self._first or (self._started, 0)
        if done == before:
            since, before = self._started, 0
        rate = (done - before) / max(time.monotonic() - since, 1e-9)
        left = self._total - self._found - done
        parts = [f"{self._found + done:,} of {self._total:,} {self._things}"]
        if self._found:
            parts.append(f"{self._found:,} {self._found_in}")
        parts.append(f"{rate:,.1f} a second" if rate >= 1 else f"{60 * rate:,.1f} a minute")
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        if cost := self._cost():
            parts.append(f"USD {cost:.4f}")
        if before and left > 0:
            parts.append(f"{_duration(left / rate)} left")
        return ", ".join(parts)

    @property
    def _done(self) -> int:
        return self._finished + self._under_way

    def _told(self) -> None:
        now = time.monotonic()
        self._first = self._first or (now, self._done)
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
        self._bar.update(self._task, completed=self._found + self._done, description=self.line())

    def _open_bar(self) -> None:
        # Only where someone is watching: rich costs 0.1 s to import.
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        console = Console(file=self._stream)
        words = TextColumn("{task.fields[label]}: {task.description}", markup=False, table_column=Column(no_wrap=False))
        bar = [BarColumn(bar_width=_BAR)] if console.width >= _WITH_BAR else []
        self._bar = Bar(*bar, words, console=console)
        self._task = self._bar.add_task(self.line(), total=self._total, completed=self._found, label=self._label)
        self._bar.start()


@contextmanager
def counted_by(advance: Advance) -> Iterator[Advance]:
    """Show nothing: the work is part of a larger one, which `advance` counts it for."""
    yield advance


def _duration(seconds: float) -> str:
    """Return seconds for people: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
