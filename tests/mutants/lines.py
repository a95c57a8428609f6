"""Pytest plug-in of mutation testing: which tests run which lines, and a run of chosen tests in a chosen order.

MUTANTS_LINES names a file to write: for each test its seconds of processor time and the lines of the room MUTANTS_ROOM
that it ran in this process, and below "" the lines of modules and classes, which an import runs, whichever test is
first. What a fixture of a module or a session ran and took counts for every test that uses it. Tests that fail while
they are watched are left out. The room's modules are compiled with a note before each statement: tracing would cost
many times as much.
MUTANTS_CHOSEN names a file of node ids, one a line: only these run, in that order.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import Phase, settings

LINES, ROOM, CHOSEN = "MUTANTS_LINES", "MUTANTS_ROOM", "MUTANTS_CHOSEN"
ROOT = Path.cwd()
WATCHED = f"{ROOT / 'diziner' / os.environ.get(ROOM, '')}{os.sep}"
NOTE = "_note_of_mutants"


class Recorder:
    """Keeps the statements that run while `current` names a test or a shared fixture."""

    def __init__(self) -> None:
        self.current = ""
        self.ran: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()
        self.uses: dict[str, set[str]] = defaultdict(set)

    @contextmanager
    def turned_to(self, name: str) -> Iterator[None]:
        """Keep what runs in here as that of a test or fixture; its time is not also another's."""
        before, self.current, started = self.current, name, self._now()
        yield
        self.current = before
        self.seconds[name] += self._now() - started
        self.seconds[before] -= self._now() - started

    def _now(self) -> float:
        """Return processor time, that of processes that have ended included."""
        used = os.times()
        return used.user + used.system + used.children_user + used.children_system

    def note(self, path: str, first: int, last: int, in_function: bool) -> None:
        """Keep that a statement of these lines is about to run."""
        self.ran[self.current if in_function else ""].add((path, first, last))

    def written(self) -> dict[str, Any]:
        """Return what was recorded: {test: {"seconds", "lines": {path: [line]}}}, paths from the project's root."""
        for test, fixtures in self.uses.items():
            for fixture in fixtures:
                self.ran[test] |= self.ran[fixture]
        found: dict[str, Any] = {}
        for test in ["", *sorted(self.uses.keys() - self.failed)]:
            lines: dict[str, set[int]] = defaultdict(set)
            for path, first, last in self.ran[test]:
                lines[path].update(range(first, last + 1))
            found[test] = {
                "seconds": round(self.seconds[test] + sum(self.seconds[name] for name in self.uses[test]), 3),
                "lines": {path: sorted(own) for path, own in sorted(lines.items())},
            }
        return found


class Notes(ast.NodeTransformer):
    """Puts a note before each statement of a module."""

    def __init__(self, path: str) -> None:
        self.path, self.in_function = path, False

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        before, self.in_function = self.in_function, True
        try:
            return self.generic_visit(node)
        finally:
            self.in_function = before

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                setattr(node, name, [part for own in body for part in self._noted(own)])
        return node

    def _noted(self, node: ast.stmt) -> list[ast.stmt]:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return [node]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return [node]
        # Of a statement that holds others, its head; they have notes of their own.
        inner = [part.lineno for part in getattr(node, "body", ())]
        last = max(node.lineno, min(inner) - 1) if inner else (node.end_lineno or node.lineno)
        values: list[ast.expr] = [ast.Constant(value) for value in (self.path, node.lineno, last, self.in_function)]
        note = ast.Expr(ast.Call(ast.Name(NOTE, ast.Load()), values, []))
        for part in ast.walk(note):
            ast.copy_location(part, node)
            part.end_lineno, part.end_col_offset = node.lineno, node.col_offset  # type: ignore[attr-defined]
        return [note, node]


def noting(recorder: Recorder) -> None:
    """Have the room's modules compiled with notes from now on; their bytecode is not kept."""
    setattr(builtins, NOTE, recorder.note)
    plain = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, name: str) -> CodeType | None:
        path = self.get_filename(name)
        if not path.startswith(WATCHED):
            return plain(self, name)
        tree = Notes(str(Path(path).relative_to(ROOT))).visit(ast.parse(self.get_data(path)))
        code: CodeType = compile(tree, path, "exec", dont_inherit=True)
        return code

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]


_recorder = Recorder() if LINES in os.environ else None
if _recorder is not None:
    noting(_recorder)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if _recorder is None:
        yield
        return
    fixtures = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    _recorder.uses[item.nodeid] = {_named(own) for found in fixtures for own in found if own.scope != "function"}
    with _recorder.turned_to(item.nodeid):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    if _recorder is None or fixturedef.scope == "function":
        yield
        return
    with _recorder.turned_to(_named(fixturedef)):
        yield


def _named(fixture: pytest.FixtureDef[Any]) -> str:
    return f"fixture {fixture.baseid}::{fixture.argname}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if _recorder is not None and report.failed:
        _recorder.failed.add(report.nodeid)


def pytest_sessionstart() -> None:
    if CHOSEN in os.environ:  # no test is read: an example that fails need not be made smaller
        kept = [phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)]
        settings.register_profile("mutants", settings.default, phases=kept)
        settings.load_profile("mutants")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHOSEN in os.environ:
        order = {name: place for place, name in enumerate(Path(os.environ[CHOSEN]).read_text("utf-8").splitlines())}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])


def pytest_sessionfinish() -> None:
    if _recorder is not None:
        Path(os.environ[LINES]).write_text(json.dumps(_recorder.written()), encoding="utf-8")
