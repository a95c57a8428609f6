"""Mutants of a module: each place where a comparison, an operator, a constant or a branch can be changed, and how.

Pure: text in, mutants out, always in the same order. What no test can be asked to see is left out: annotations,
docstrings, assertions (`zip(…, strict=True)` is one), messages of errors, arguments of decorators, blocks for type
checkers and the guard `__main__`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change of one module: `text` on `line` (1-based) of `path` becomes `instead`, inside `function`."""

    path: str
    start: int
    end: int
    line: int
    kind: str
    function: str
    text: str
    instead: str
    source_line: str = ""

    def applied(self, source: str) -> str:
        """Return the module's source with the change made; offsets count bytes of UTF-8."""
        data = source.encode()
        return (data[: self.start] + self.instead.encode() + data[self.end :]).decode()

    @property
    def room(self) -> str:
        """The folder of diziner/ that it is in."""
        return self.path.split("/")[1]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Identity of the mutant, the same when lines have moved."""
        return self.path, self.function, self.text, self.instead

    def __str__(self) -> str:
        text, instead = (" ".join(part.split()) for part in (self.text, self.instead))
        return f"{self.path}:{self.line} {self.function or '(module)'}: {text}  ->  {instead}"


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its text."""
    return sorted(_Finder(path, source).found())


class _Finder:
    """Walks one module's tree, with the name of the function that it is in."""

    def __init__(self, path: str, source: str) -> None:
        self.path, self.source = path, source
        self.starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def found(self) -> Iterator[Mutant]:
        yield from self._walk(ast.parse(self.source), "")

    def _walk(self, node: ast.AST, function: str) -> Iterator[Mutant]:
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "__name__ == '__main__'"}:
            return
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            return
        if isinstance(node, ast.keyword) and node.arg == "strict" and isinstance(node.value, ast.Constant):
            return  # an assertion of zip
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}" if function else node.name
        yield from self._at(node, function)
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list", "bases", "type_params", "type_comment"}:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._walk(child, function)

    def _at(self, node: ast.AST, function: str) -> Iterator[Mutant]:
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            operators = [COMPARISONS[type(node.ops[0])](), *node.ops[1:]]
            yield self._mutant(node, ast.Compare(node.left, operators, node.comparators), "comparison", function)
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not _of_text(node):
            changed = ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
            yield self._mutant(node, changed, "arithmetic", function)
        elif isinstance(node, ast.BoolOp):
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield self._mutant(node, ast.BoolOp(other, node.values), "and/or", function)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield self._mutant(node, node.operand, "not", function)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            value = (not node.value) if isinstance(node.value, bool) else node.value + 1
            yield self._mutant(node, ast.Constant(value), "constant", function)
        elif isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(
            node.test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant
        ):
            yield self._mutant(node.test, ast.UnaryOp(ast.Not(), node.test), "branch", function)
        elif isinstance(node, ast.Break | ast.Continue):
            other_way = ast.Continue() if isinstance(node, ast.Break) else ast.Break()
            yield self._mutant(node, other_way, "branch", function)

    def _mutant(self, node: ast.expr | ast.stmt, instead: ast.AST, kind: str, function: str) -> Mutant:
        start = self.starts[node.lineno - 1] + node.col_offset
        end = self.starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        text = self.source.encode()[start:end].decode()
        changed = ast.unparse(instead)
        whole = changed if isinstance(instead, ast.stmt | ast.Constant) else f"({changed})"
        line = self.source.splitlines()[node.lineno - 1].strip()
        return Mutant(self.path, start, end, node.lineno, kind, function, text, whole, line)


def _of_text(node: ast.BinOp) -> bool:
    """Say whether an operator joins texts or types: `a + "b"`, `"%s" % a`; `int | None` stands in annotations."""
    return any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (isinstance(node.value, str) or node.value is None)
