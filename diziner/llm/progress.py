"""How far the asking is: a live bar on a terminal, plain lines elsewhere. Silent where nothing is called."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, TextIO

_PLAIN_LINE_EVERY_S = 10.0


class Progress:
    """Requests answered of `total`, `found` of them without a call; rate and time left by the calls made."""

    def __init__(self, label: str, total: int, found: int, stream: TextIO) -> None:
        self._label = label
        self._total = total
        self._found = found
        self._done = found
        self._stream = stream
        self._bar: Any = None
        self._task: Any = None
        self._started = self._said = time.monotonic()

    def __enter__(self) -> Progress:
        if self._total > self._found and self._stream.isatty():
            self._open_bar()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._done > self._found and self._done < self._total:
            self._say()

    def advance(self) -> None:
        """One more call has come back."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._task)
        elif self._done == self._total or time.monotonic() - self._said >= _PLAIN_LINE_EVERY_S:
            self._say()

    def _open_bar(self) -> None:
        # Only where someone is watching: rich costs 0.1 s to import.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        store = TextColumn(f"({self._found} from the store)")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), store, TimeRemainingColumn())
        self._bar = Bar(*columns, console=Console(file=self._stream))
        self._task = self._bar.add_task(self._label, total=self._total, completed=self._found)
        self._bar.start()

    def _say(self) -> None:
        self._said = time.monotonic()
        rate = (self._done - self._found) / max(self._said - self._started, 1e-9)
        left = (self._total - self._done) / rate
        rest = f", {left:.0f} s left" if left else ""
        done = f"{self._done}/{self._total} ({self._found} from the store)"
        self._stream.write(f"{self._label}: {done}, {rate * 60:.1f} a minute{rest}\n")
        self._stream.flush()
