"""Limits on YAML texts: what PyYAML and libyaml would crash on, hang in, or hand over as something that cannot be used.

libyaml follows brackets until the process dies, aliases multiply (a file of 1 KB can stand for gigabytes), and PyYAML
meets a date or number that cannot be with whatever error its constructor happens to raise, without the place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

DEEPEST = 100  # collections within collections
LONGEST = 2**24  # characters of a text
_MOST_VALUES = 1_000_000  # with every alias written out
_MOST_DIGITS = 400
# What nests without brackets: indentation, and indicators one after the other.
_FAR_IN = re.compile(rf"^[ \t?-]{{{DEEPEST},}}", re.MULTILINE)
_LIKE_A_NUMBER = re.compile(r"[-+]?[0-9.][0-9a-fA-FoOxX_.:eE+-]*")
_TAG = "tag:yaml.org,2002:"
_NUMBERS = (f"{_TAG}int", f"{_TAG}float")
_KINDS = {"timestamp": "date", "int": "whole number", "float": "number", "bool": "boolean"}
# What PyYAML's constructors raise for a value that its tag does not fit; their own errors have a place already.
CONSTRUCTING = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, AssertionError)

Node = Any  # PyYAML's, whose types say neither id nor style


class YamlError(Exception):
    """A fault of a text, in one line, with the number of the line in which it stands."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class YamlLimitError(YamlError):
    """A fault that keeps a text from parsers, or a tree from becoming values."""


def check_text(text: str, loader: Any) -> None:
    """Raise YamlLimitError for a text that is too long or too deep to be given to a parser that builds values."""
    import yaml

    if len(text) > LONGEST:
        raise YamlLimitError(f"longer than {LONGEST} characters")
    if text.count("[") + text.count("{") <= DEEPEST and not _FAR_IN.search(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader):  # as it goes: nothing is built
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise YamlLimitError(f"nested too deeply, more than {DEEPEST} deep", _line(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def check_tree(root: Node, text: str) -> None:
    """Raise YamlLimitError for a tree that holds itself, grows beyond bounds by aliases, or has numbers beyond them."""
    for node in _all(root):
        if node.id == "scalar" and (node.tag in _NUMBERS or _is_like_a_number(node)):
            _check_number(node, root)
    if "&" in text:
        _check_aliases(root)


def _check_aliases(root: Node) -> None:
    sizes: dict[int, int] = {}  # values with and below a node; 0 while they are being counted
    waiting = [root]
    while waiting:
        node = waiting[-1]
        below = list(_children(node))
        if id(node) not in sizes:
            sizes[id(node)] = 0
            for each in below:
                if sizes.get(id(each)) == 0:
                    raise YamlLimitError("an alias stands for something that it is in", each.start_mark.line + 1)
            waiting += [each for each in below if id(each) not in sizes]
            continue
        waiting.pop()
        if sizes[id(node)] == 0:
            sizes[id(node)] = 1 + sum(sizes[id(each)] for each in below)
            if sizes[id(node)] > _MOST_VALUES:
                more = f"more than {_MOST_VALUES} values, with every alias written out"
                raise YamlLimitError(more, node.start_mark.line + 1)


def unconstructed(root: Node, constructor: Any) -> YamlError:
    """Return the fault of the first value of a tree that PyYAML cannot make: no such date, or not what its tag says."""
    for node in _all(root):
        if node.id == "scalar":
            try:
                constructor.construct_object(node, deep=True)
            except CONSTRUCTING:
                kind = _KINDS.get(node.tag.removeprefix(_TAG), "value of its tag")
                told = f"{_named(node, root)} is no {kind}; put it in quotes if it is text"
                return YamlError(told, node.start_mark.line + 1)
    return YamlError("a value does not fit its tag", root.start_mark.line + 1)


def _line(marked: Any) -> int:
    return int(marked.start_mark.line) + 1


def _children(node: Node) -> Iterator[Node]:
    if node.id == "sequence":
        yield from node.value
    elif node.id == "mapping":
        for key, value in node.value:
            yield key
            yield value


def _all(root: Node) -> Iterator[Node]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += reversed(list(_children(node)))


def _is_like_a_number(node: Node) -> bool:
    """Return whether a text without quotes may be a long number to DVC."""
    return len(node.value) > _MOST_DIGITS and not node.style and _LIKE_A_NUMBER.fullmatch(node.value) is not None


def _check_number(node: Node, root: Node) -> None:
    line = _line(node)
    if len(node.value) > _MOST_DIGITS:
        raise YamlLimitError(f"{_named(node, root)} is a number of {len(node.value)} characters", line)
    if node.tag == _NUMBERS[1]:
        try:
            value = float(node.value.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            return  # told when it is made
        if not math.isfinite(value):
            raise YamlLimitError(f"{_named(node, root)} is not finite", line)


def _named(node: Node, root: Node) -> str:
    """Return a value, and the keys that lead to it."""
    seen: set[int] = set()
    waiting: list[tuple[Node, tuple[str, ...]]] = [(root, ())]
    while waiting:
        at, path = waiting.pop()
        if at is node:
            return f"{'.'.join(path)}: {_short(node.value)}" if path else _short(node.value)
        if id(at) not in seen:
            seen.add(id(at))
            if at.id == "sequence":
                waiting += [(each, (*path, str(place))) for place, each in enumerate(at.value)]
            elif at.id == "mapping":
                waiting += [(value, (*path, str(key.value)[:40])) for key, value in at.value]
    return _short(node.value)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
