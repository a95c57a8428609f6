"""YAML as DVC writes it, ten times as fast: plain names, numbers and lists of them are put down directly.

Everything else (text that needs quotes or folds, empty containers, numbers in odd forms) is left to DVC's own writer,
a key at a time; tests hold the result to be the same bytes. Lock entries and entries of the run-cache are nearly all
paths and digests.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from functools import cache
from typing import Any

_WORDS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@-]+)*")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")
_WIDTH = 80  # in longer lines text is folded, or begins on a line of its own


class _OtherFormError(Exception):
    """A value is not among those that are put down directly."""


def as_dvc_writes(value: Any) -> str:
    """Return a value as YAML text, the same as `dvc.utils.serialize.dumps_yaml` returns."""
    from dvc.utils.serialize import dumps_yaml

    # A container that occurs twice is written with an anchor.
    containers = list(_containers(value))
    if not _is_mapping(value) or not value or len(set(map(id, containers))) < len(containers):
        return str(dumps_yaml(value))
    return _mapping(value, 0)


def _containers(value: Any) -> Iterator[Any]:
    if _is_mapping(value) or type(value) is list:
        yield value
        for item in value.values() if _is_mapping(value) else value:
            yield from _containers(item)


def _is_mapping(value: Any) -> bool:
    return type(value) in (dict, OrderedDict)


def _mapping(value: dict[Any, Any], depth: int) -> str:
    return "".join(_entry(key, item, depth) for key, item in value.items())


def _entry(key: Any, value: Any, depth: int) -> str:
    """Return the lines of one key, in the depth of nesting where it stands."""
    try:
        return _direct(_key(key, depth), value, depth)
    except _OtherFormError:
        return _by_dvc(key, value, depth)


def _direct(lead: str, value: Any, depth: int) -> str:
    if not value and not isinstance(value, (bool, int, float)):
        raise _OtherFormError
    if _is_mapping(value):
        return f"{lead}\n{_mapping(value, depth + 1)}"
    if type(value) is list:
        return f"{lead}\n{''.join(_item(item, depth) for item in value)}"
    line = f"{lead} {_scalar(value)}"
    if len(line) > _WIDTH:
        raise _OtherFormError
    return f"{line}\n"


def _item(value: Any, depth: int) -> str:
    """Return the lines of one item of a list whose key stands in that depth."""
    lead = f"{'  ' * depth}-"
    if not _is_mapping(value):
        if type(value) is list:
            raise _OtherFormError
        return _direct(lead, value, depth)
    if not value:
        raise _OtherFormError
    # What DVC would write for a key inside an item is not what it writes for that key alone: all or nothing.
    lines = [_direct(_key(key, depth + 1), item, depth + 1) for key, item in value.items()]
    return lead + "".join(lines)[len(lead) :]


def _key(key: Any, depth: int) -> str:
    line = f"{'  ' * depth}{_scalar(key)}:"
    if type(key) is not str or len(line) > _WIDTH:
        raise _OtherFormError
    return line


def _scalar(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float and _DECIMAL.fullmatch(repr(value)):
        return repr(value)
    if type(value) is str and _is_plain(value):
        return value
    raise _OtherFormError


@cache
def _is_plain(text: str) -> bool:
    """Return whether text stands in YAML as it is: it needs no quotes, and does not read as a number, say."""
    from ruamel.yaml import ScalarNode

    return bool(_WORDS.fullmatch(text)) and str(_resolver().resolve(ScalarNode, text, (True, False))).endswith(":str")


@cache
def _resolver() -> Any:
    from ruamel.yaml import YAML

    return YAML().resolver


def _by_dvc(key: Any, value: Any, depth: int) -> str:
    from dvc.utils.serialize import dumps_yaml

    nested = {key: value}
    for _ in range(depth):
        nested = {"x": nested}
    text = str(dumps_yaml(nested))
    return "".join(text.splitlines(keepends=True)[depth:])
