"""A command run in this process by this checkout's code, and the verdict on how it ended."""

from __future__ import annotations

import importlib
import io
import os
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from projects import copy_tree

from attack.findings import Finding, raised
from attack.workers import Caught

_ERROR = re.compile(r"(?:diziner[\w -]*: )?error: ")
_LONGEST = 2500  # characters of one refusal


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code and what it wrote, or what escaped from it."""

    code: int
    out: str
    err: str
    error: BaseException | None


def ended(folder: Path, *words: str, typed: str = "") -> Ended:
    """Run a command, or a stage if the first word is its module, in a folder; `typed` is its standard input."""
    from diziner.cli import main
    from diziner.common.errors import run_main

    # As a terminal of UTF-8 has them: what cannot be encoded is an error on the way out, and shown as it can in errors.
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)
    caught = Caught()
    argv, stdin, here = sys.argv, sys.stdin, Path.cwd()
    os.chdir(folder)
    sys.argv, sys.stdin = ["diziner", *words], io.StringIO(typed)
    try:
        with redirect_stdout(out), redirect_stderr(err), caught:
            if words[0].startswith("stages."):
                sys.argv = list(words)
                run_main(importlib.import_module(words[0]).main)
            else:
                main()
    finally:
        sys.argv, sys.stdin = argv, stdin
        os.chdir(here)
    code, error = 0, caught.error
    if isinstance(error, SystemExit):
        code, error = int(error.code or 0), None
    return Ended(code, _written(out), _written(err), error)


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def judged(done: Ended, failing: bool = False) -> Finding:
    """Judge how a command ended; `failing`: exit code 1 is one of its answers, as of a gate."""
    if done.error is not None:
        return raised(done.error)
    if "Traceback (most recent call last)" in done.err + done.out:
        return Finding("traceback", done.err[-300:])
    if done.code == 0:
        return Finding("accepted")
    if done.code not in ((1, 2, 3) if failing else (2, 3)):
        return Finding("wrong", f"exit code {done.code}: {done.err[-300:]!r}")
    lines = done.err.splitlines()
    told = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    if len(told) != 1:
        return Finding("wrong", f"{len(told)} lines of error: {done.err[-300:]!r}")
    if told[0] + 1 != len(lines):
        return Finding("wrong", f"more lines after the error: {done.err[-300:]!r}")
    line = lines[told[0]]
    if not done.err.replace("\n", "").isprintable():
        return Finding("wrong", f"moves the cursor: {done.err[-300:]!r}")
    if len(line) > _LONGEST:
        return Finding("wrong", f"{len(line)} characters in one line: {line[:200]}")
    return Finding("refused", line)


class Place:
    """A copy of a folder in which commands are run, brought back to what it was after each."""

    def __init__(self, whole: Path, folder: Path) -> None:
        self.whole, self.folder = whole, folder
        copy_tree(whole, folder)
        self._whole = contents(whole)
        self._before = self._whole

    def put(self, path: str, data: bytes) -> Path:
        """Write a file of the attack, which is no change by the command."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self._before = contents(self.folder)
        return target

    def changed(self) -> list[str]:
        """The paths that the command changed, sorted."""
        return _differing(contents(self.folder), self._before)

    def restore(self) -> None:
        """Bring every file back to what it was."""
        for path in _differing(contents(self.folder), self._whole):
            target = self.folder / path
            if path in self._whole:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                shutil.copy2(self.whole / path, target, follow_symlinks=False)
                continue
            target.unlink(missing_ok=True)
            while not any((target := target.parent).iterdir()) and target != self.folder:
                target.rmdir()
        self._before = contents(self.folder)


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


# What commands keep for themselves: locks, caches, answers and what they cost, and what git and DVC note down.
_OWN = ("metrics/cost.json", ".git", ".dvc/tmp", ".dvc/cache", ".responses", "__pycache__")


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file below a folder, but for what commands keep for themselves."""
    found: dict[str, tuple[int, int]] = {}
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                path = f"{below}/{entry.name}" if below else entry.name
                if path in _OWN or entry.name in _OWN:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                else:
                    state = entry.stat(follow_symlinks=False)
                    found[path] = (state.st_size, state.st_mtime_ns)
    return found
