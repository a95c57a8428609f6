"""Pytest plug-in of mutation testing: which tests run which lines, and a run of chosen tests in a chosen order.

MUTANTS_LINES names a file to write: for each test its seconds and the lines of the rooms that it ran in this process,
and below "" the lines that imports ran. Tests that fail while they are watched (those of CPU time do) are left out.
MUTANTS_CHOSEN names a file of node ids, one a line: only these run, in that order.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

LINES, CHOSEN = "MUTANTS_LINES", "MUTANTS_CHOSEN"
PACKAGE = f"{Path.cwd() / 'diziner'}{os.sep}"


class Recorder:
    """Keeps the lines that run while `current` names a test."""

    def __init__(self) -> None:
        self.current = ""
        self.ran: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def begin(self) -> None:
        threading.settrace(self._called)
        sys.settrace(self._called)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        return self._line if name.startswith(PACKAGE) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self.ran[self.current][frame.f_code.co_filename].add(frame.f_lineno)
        return self._line

    def written(self) -> dict[str, Any]:
        """Return what was recorded: {test: {"seconds", "lines": {path: [line]}}}, paths from the project's root."""
        return {
            test: {
                "seconds": round(self.seconds.get(test, 0.0), 3),
                "lines": {str(Path(name).relative_to(Path.cwd())): sorted(own) for name, own in sorted(files.items())},
            }
            for test, files in sorted(self.ran.items())
            if test not in self.failed
        }


_recorder = Recorder() if LINES in os.environ else None
if _recorder is not None:
    _recorder.begin()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if _recorder is None:
        yield
        return
    started = time.perf_counter()
    _recorder.current = item.nodeid
    _recorder.begin()
    yield
    _recorder.current = ""
    _recorder.seconds[item.nodeid] = time.perf_counter() - started


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if _recorder is not None and report.failed:
        _recorder.failed.add(report.nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHOSEN in os.environ:
        order = {name: place for place, name in enumerate(Path(os.environ[CHOSEN]).read_text("utf-8").splitlines())}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


def pytest_sessionfinish() -> None:
    if _recorder is not None:
        sys.settrace(None)
        Path(os.environ[LINES]).write_text(json.dumps(_recorder.written()), encoding="utf-8")
