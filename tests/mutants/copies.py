"""A copy of the project in which mutants are tried: its own code comes first, and one process there runs the tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from mutants import lines
from mutants.sites import Mutant

ROOT = Path(__file__).parents[2]
SLACK_S = 20  # of processor time, beside five times what the tests took while they were watched
WAIT = 10  # seconds on the clock for one of processor time: other work has the machine too
FAILED = {1, 2}  # a test failed; a module could not be imported


class Copy:
    """The work tree without what git ignores, in a folder of its own."""

    def __init__(self, folder: Path, number: int) -> None:
        self.root, self.kept = folder / str(number), folder / f"{number}-kept"
        self._stamps = count(1)
        names = subprocess.run(
            ["git", "ls-files", "-zco", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, self.root / name)
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)
        (self.root / ".venv").symlink_to(Path(sys.executable).parents[1])
        self.kept.mkdir()
        paths = os.pathsep.join([str(self.root), str(self.root / "tests")])
        more = {"PYTHONPATH": paths, "TMPDIR": str(self.kept), "CI": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "mutants.server"],
            cwd=self.root,
            env={**os.environ, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process that runs tests."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def lines_of(self, room: str) -> dict[str, Any]:
        """Return what each test of a room runs (`mutants.lines`)."""
        told = self.kept / f"{room}.lines.json"
        code = self._pytest([f"tests/{room}", f"diziner/{room}"], {lines.LINES: str(told), lines.ROOM: room}, None)
        if code not in (0, 1) or not told.is_file():
            raise SystemExit(f"tests/{room} cannot be run:\n{self._said()[-4000:]}")
        ran: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
        return ran

    def failure(self, mutant: Mutant, tests: Sequence[str], seconds: float) -> str:
        """Say how tests fail with a mutant: "failed" or "out of time"; "" if they pass."""
        chosen = self.kept / "chosen.txt"
        chosen.write_text("\n".join(tests), encoding="utf-8")
        files = sorted({test.partition("::")[0] for test in tests})
        with self._changed(mutant):
            code = self._pytest(["-x", *files], {lines.CHOSEN: str(chosen)}, SLACK_S + 5 * seconds)
        if code == 4:
            raise SystemExit(f"{mutant}: tests cannot be run:\n{self._said()[-4000:]}")
        return "out of time" if code is None else "failed" if code in FAILED or code < 0 else ""

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        """Make the change for a while. No two versions of a file have the same time: bytecode is kept by it."""
        path = self.root / mutant.path
        source, made = path.read_text(encoding="utf-8"), path.stat().st_mtime
        path.write_text(mutant.applied(source), encoding="utf-8")
        stamp = made + next(self._stamps)
        os.utime(path, (stamp, stamp))
        try:
            yield
        finally:
            path.write_text(source, encoding="utf-8")
            os.utime(path, (made, made))

    def _pytest(self, arguments: Sequence[str], environment: Mapping[str, str], cpu_s: float | None) -> int | None:
        """Return what pytest exits with; None if it took more processor time, or ten times that on the clock."""
        plugins = ["-p", "no:xdist", "-p", "mutants.lines", "-p", "no:cacheprovider"]
        # Examples in docstrings are tests too; our own alt_test.py is none, and shall not be compiled as one.
        kinds = ["--doctest-modules", "-o", "python_files=test_*.py"]
        asked = {
            "arguments": ["-q", *plugins, *kinds, "--basetemp", str(self.kept / "base"), *arguments],
            "environment": dict(environment),
            "cpu_s": cpu_s and int(cpu_s),
            "wall_s": cpu_s and cpu_s * WAIT,
            "said": str(self.kept / "said.txt"),
        }
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        code: int | None = json.loads(self._server.stdout.readline())["code"]
        return code

    def _said(self) -> str:
        return (self.kept / "said.txt").read_text(encoding="utf-8", errors="replace")
