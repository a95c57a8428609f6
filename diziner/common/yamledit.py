"""Editor of single values in a YAML text; comments, quoting and everything else stay byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from diziner.common.errors import UserError
from diziner.common.yamlfile import composed, dump_yaml, parse_yaml

# What only quotes keep together inside brackets: `dvc exp run -S` takes them off, and DVC cannot read what is left.
_MISREAD = re.compile(r":(?! )|\?")
_BY_HAND = "cannot be changed in a file written like this; change it by hand"


def with_value(text: str, path: Sequence[str | int], value: Any) -> str:
    """Return the text with the value at a path of keys and positions replaced: on one line, mappings of a list on one
    each, and a mapping with an address in it as a block, since DVC cannot rewrite that in brackets.

    The last key may be new: it is added behind the others. Comments inside a list that is replaced go with it.
    Errors: UserError if there is no place for it, or the text is written in a way that this cannot change (an
    alias, say).

    >>> with_value("a: {b: 1} # why" + chr(10), ["a", "b"], [2, 3])
    'a: {b: [2, 3]} # why\\n'
    """
    *way, last = path
    expected = _unshared(parse_yaml(text, "the text to change"))
    place, node = expected, composed(text)
    for step in way:
        place, (_, node) = _item(place, step, path), _entry(node, step, path)
    known = _holds(place, last)
    if not known and not (isinstance(place, dict) and isinstance(last, str)):
        raise UserError(f"{_dotted(path)}: there is no place for {last!r}")
    if known and repr(place[last]) == repr(value):
        return text
    place[last] = _unshared(value)
    if known:
        key, old = _entry(node, last, path)
        edited = _replaced(text, key, old, _written(value, node, node.start_mark.column))
    else:
        edited = _added(text, node, f"{last}:{_written(value, node, 0)}")
    return _checked(edited, expected, path)


def with_item(text: str, key: str, item: Mapping[str, Any]) -> str:
    """Return the text with a mapping added at the end of the list at a top-level key, which may be missing or empty.

    Errors: as `with_value`.
    """
    expected = _unshared(parse_yaml(text, "the text to change"))
    before = expected.get(key) or []
    expected[key] = [*before, _unshared(dict(item))]
    root = composed(text)
    dumped = dump_yaml([dict(item)]).strip()
    if before:
        _, node = _entry(root, key, [key])
        edited = _added(text, node, _flow(item) if node.flow_style else dumped)
    elif key in expected and any(name.value == key for name, _ in root.value):
        name, node = _entry(root, key, [key])
        start, end = name.end_mark.index, _end(text, node)
        edited = f"{text[:start]}:\n{dumped}{text[max(end, start + 1) :]}"
    else:
        edited = _added(text, root, f"{key}:\n{dumped}")
    return _checked(edited, expected, [key])


def without_item(text: str, key: str, position: int) -> str:
    """Return the text without an item of the list at a top-level key, and without the key if that was all it held.

    Comments on the item's own lines go with it. Errors: as `with_value`.

    >>> without_item("a: 1" + chr(10) + "b:" + chr(10) + "- {c: 1}" + chr(10) + "- {c: 2} # two" + chr(10), "b", 0)
    'a: 1\\nb:\\n- {c: 2} # two\\n'
    """
    path: list[str | int] = [key, position]
    expected = _unshared(parse_yaml(text, "the text to change"))
    _item(_item(expected, key, path), position, path)
    root = composed(text)
    name, node = _entry(root, key, path)
    own = node.value[position]
    expected[key].pop(position)
    if not expected[key]:
        del expected[key]
        edited = _cut(text, name.start_mark.index, _end(text, node), root)
    else:
        # In a block the item begins at its dash, which no node has.
        start = own.start_mark.index if node.flow_style else text.rfind("-", 0, own.start_mark.index)
        edited = _cut(text, start, _end(text, own), node)
    return _checked(edited, expected, path)


def _cut(text: str, start: int, end: int, around: Any) -> str:
    """Return the text without an entry of the collection `around`: its whole lines, or within brackets its comma."""
    if not around.flow_style:
        start, stop = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        return text[:start] + (text[stop + 1 :] if stop >= 0 else "")
    behind = len(text[end:]) - len(text[end:].lstrip(" ,"))
    if text[end + behind] in "]}":  # the last one: the comma before it goes
        return text[:start].rstrip(" ,") + text[end + behind :]
    return text[:start] + text[end + behind :]


def _holds(place: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(place, list) and step < len(place)
    return isinstance(place, dict) and step in place


def _item(place: Any, step: str | int, path: Sequence[str | int]) -> Any:
    if not _holds(place, step):
        raise UserError(f"{_dotted(path)}: there is no {step!r}")
    return place[step]


def _entry(node: Any, step: str | int, path: Sequence[str | int]) -> tuple[Any, Any]:
    """Return the key and value of a mapping's entry; for a list's item, no key."""
    if isinstance(step, int):
        return None, node.value[step]
    for key, value in node.value:
        if key.value == step:
            return key, value
    raise UserError(f"{_dotted(path)}: {_BY_HAND}")  # merged in by `<<`, say


def _end(text: str, node: yaml.Node) -> int:
    """Return where a value's own text ends: comments and blank lines behind a block belong to what follows."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def _replaced(text: str, key: Any, node: Any, value: str) -> str:
    start, end = node.start_mark.index, _end(text, node)
    if key is None:
        return f"{text[:start]}{value.lstrip()}{text[end:]}"
    after_colon = text.index(":", key.end_mark.index) + 1
    if text[after_colon:start].strip():  # a comment between them
        return f"{text[:start]}{value.lstrip()}{text[end:]}"
    # A block begins on a line of its own, an empty value right at the colon.
    return f"{text[:after_colon]}{value}{text[max(end, after_colon) :]}"


def _added(text: str, node: Any, entry: str) -> str:
    """Return an entry or item behind the last one of a mapping or list."""
    end = _end(text, node)
    if node.flow_style:
        bracket = end - 1
        comma = ", " if node.value else ""
        return f"{text[:bracket].rstrip()}{comma}{entry}{text[bracket:]}"
    stop = text.find("\n", end)
    before, after = (text, "") if stop < 0 else (text[:stop], text[stop + 1 :])
    margin = " " * node.start_mark.column
    lines = "".join(f"{margin}{line}\n" if line else "\n" for line in entry.split("\n"))
    return f"{before}\n{lines}{after}"


def _written(value: Any, around: Any, column: int) -> str:
    """Return a value as it follows a colon in the mapping `around`, whose keys stand at a column."""
    margin = " " * (column + 2)
    if around.flow_style or not isinstance(around, yaml.MappingNode):
        return f" {_flow(value)}"
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return "".join(f"\n{margin}- {_flow(item)}" for item in value)
    if isinstance(value, Mapping) and _MISREAD.search(_flow(value)):
        lines = dump_yaml(_unshared(dict(value)), width=10**6).splitlines()
        return "".join(f"\n{margin}{line}" for line in lines)
    return f" {_flow(value)}"


def _flow(value: Any) -> str:
    """Return a value on one line, quoted as it must be inside brackets."""
    plain = [dict(value) if isinstance(value, Mapping) else value]
    return dump_yaml(plain, flow=True, width=10**6).strip()[1:-1]


def _unshared(value: Any) -> Any:
    """Return a copy in which nothing is one object with anything else, as aliases are when they are read."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _checked(text: str, expected: Any, path: Sequence[str | int]) -> str:
    """Check that the result is what was asked for, to DVC too, whatever the text's style; else nothing is changed."""
    try:
        right = parse_yaml(text, _dotted(path)) == expected
    except UserError:
        right = False
    if not right:
        raise UserError(f"{_dotted(path)}: {_BY_HAND}")
    return text


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path))
