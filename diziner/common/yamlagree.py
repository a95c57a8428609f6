"""Agreement of two YAML parsers: DVC reads by YAML 1.2 with ruamel.yaml and an older libyaml, PyYAML by YAML 1.1.

`off` is text to the one and false to the other; `[http://a]` is a list here and "structure is corrupted" there. Loading
ruamel.yaml takes longer than reading all settings. So a text is first looked through for what the two might
read differently; only one that has something of the kind is read by both.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from diziner.common.yamllimits import CONSTRUCTING

# What only both parsers can tell: line breaks and tabs of other kinds, escapes, directives, several documents, anchors,
# aliases, tags, keys marked by `?`, block texts with an indentation of their own.
_UNUSUAL = re.compile(
    r"[\t\r\\\x85\u2028\u2029\ufeff]|^(?:%|---|\.\.\.)|(?:^|[\s\[{,:?-])(?:[&*!](?=\S)|\?(?=\s))|[|>][-+]?[0-9]",
    re.MULTILINE,
)
# One of ruamel.yaml's two parsers ends a line here, also in comments; its wheels decide which one a machine has.
_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")
# What YAML 1.2 may take for a number, of all that YAML 1.1 takes for text.
MAY_BE_A_NUMBER = re.compile(r"[-+]?(?:0o[0-7_]*|[0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]*)?)")
_ALIKE = {  # by tag: what is sure to be the same to both
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]*)"),
    "float": re.compile(r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+][0-9]+)?"),
    "null": re.compile(r"null|Null|NULL|~|"),
}
_TAG = "tag:yaml.org,2002:"
_LONGEST = 60  # characters of a value that an error shows

Path = tuple[str, ...]
Node = Any  # PyYAML's, whose types say neither id nor style


class Difference(NamedTuple):
    """Difference between the two (a line's number and the path of keys), how they differ in one line, and the
    remedy."""

    line: int
    path: str
    told: str


def surely_alike(text: str, node: Node) -> bool:
    """Return whether both parsers make the same of a text, whose tree PyYAML gave; False if that is not sure."""
    return _UNUSUAL.search(text) is None and _tree_alike(node, False)


def _tree_alike(node: Node, flow: bool) -> bool:
    if node.id == "scalar":
        return bool(node.style) or _plain_alike(node, flow)
    flow = flow or node.flow_style
    if node.id == "sequence":
        return all(_tree_alike(item, flow) for item in node.value)
    keys = {key.value for key, _ in node.value if key.id == "scalar" and key.tag == f"{_TAG}str"}
    if len(keys) < len(node.value):  # one twice, or no text
        return False
    return all(_tree_alike(key, flow) and _tree_alike(value, flow) for key, value in node.value)


def _plain_alike(node: Node, flow: bool) -> bool:
    value, kind = node.value, node.tag.removeprefix(_TAG)
    if flow and (":" in value or "?" in value):
        return False
    if kind == "str":
        return MAY_BE_A_NUMBER.fullmatch(value) is None
    return kind in _ALIKE and _ALIKE[kind].fullmatch(value) is not None


def read_as_dvc(text: str, pure: bool = False) -> Any:
    """Return what DVC makes of a text; `pure`: on machines for which ruamel.yaml has no parser in C.

    Errors: ruamel.yaml.error.YAMLError; ValueError for an impossible date or number.
    """
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=pure).load(text)


def rewritten_by_dvc(text: str) -> str:
    """Return the text as `dvc exp run -S` writes it anew, whatever it sets: lists unfolded, without the quotes that
    YAML 1.2
    can do without. Errors: as `read_as_dvc`.
    """
    import io

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    value = yaml.load(text)
    if isinstance(value, dict):
        _unfold(value, read_as_dvc(text))
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


def _unfold(value: Any, plain: Any) -> None:
    for key, item in plain.items():
        if isinstance(item, dict) and isinstance(value[key], dict):
            _unfold(value[key], item)
        else:
            value[key] = item


def difference(text: str, node: Node, ours: Any) -> Difference | None:
    """Return where the two parsers differ first; None if nowhere.

    `node` and `ours` are PyYAML's tree and value.
    """
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import YAMLError

    if (sign := _OTHER_BREAKS.search(text)) and not _alike_everywhere(text):
        line = text.count("\n", 0, sign.start()) + 1
        said = f"the character U+{ord(sign[0]):04X} ends a line for some parsers only; write a blank or a line break"
        return Difference(line, "top level", said)
    try:
        theirs = read_as_dvc(text)
    except (YAMLError, RecursionError, *CONSTRUCTING) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line, mark.column) if mark else (0, 0)
        path, flow = _place(node, (line, column))
        found = _problem(error)
        if isinstance(error, DuplicateKeyError):
            mend = "keep one of them"
        else:
            block = "write it in block style, each item or key on a line of its own"
            mend = block if flow else "write the value in quotes"
        return Difference(line + 1, _dotted(path), f"DVC cannot read this ({found}); {mend}")
    return _first(ours, theirs, node, ())


def _alike_everywhere(text: str) -> bool:
    """Return whether DVC reads the same in a text by either parser of ruamel.yaml, a fault included."""
    from ruamel.yaml.error import YAMLError

    found: list[Any] = []
    for pure in (False, True):
        try:
            found.append(repr(read_as_dvc(text, pure)))
        except (YAMLError, RecursionError, *CONSTRUCTING):
            found.append(None)
    return bool(found[0] == found[1])


def told(error: Exception) -> str:
    """Return what `read_as_dvc` has against a text, in a few words, after the line that it says it of."""
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {_problem(error)}" if mark else _problem(error)


def _problem(error: Exception) -> str:
    from ruamel.yaml.constructor import DuplicateKeyError

    if isinstance(error, DuplicateKeyError):
        return "a key is given twice"
    return " ".join(str(getattr(error, "problem", None) or error).split())


def _place(node: Node, at: tuple[int, int], path: Path = (), flow: bool = False) -> tuple[Path, bool]:
    """Return the path of the innermost node around a line and column, and whether it stands within brackets."""
    if node.id == "scalar":
        return path, flow
    flow = flow or node.flow_style
    for position, item in enumerate(node.value):
        key, value = (item, item) if node.id == "sequence" else item
        if _at(key.start_mark) <= at <= _at(value.end_mark):
            step = str(position) if node.id == "sequence" else str(key.value)
            return _place(value, at, (*path, step), flow)
    return path, flow


def _at(mark: Any) -> tuple[int, int]:
    return mark.line, mark.column


def _first(ours: Any, theirs: Any, node: Node, path: Path) -> Difference | None:
    if isinstance(ours, dict) and isinstance(theirs, dict) and len(ours) == len(theirs):
        # Keys merged in by `<<` have no place of their own.
        own = len(node.value) == len(ours) and all(key.tag != f"{_TAG}merge" for key, _ in node.value)
        places = node.value if own else [(node, node)] * len(ours)
        for (key, value), (other_key, other), (at_key, at_value) in zip(
            ours.items(), theirs.items(), places, strict=True
        ):
            below = (*path, str(at_key.value if own else key))
            if found := _first(key, other_key, at_key, below) or _first(value, other, at_value, below):
                return found
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        places = node.value if len(node.value) == len(ours) else [node] * len(ours)
        for position, (value, other, at) in enumerate(zip(ours, theirs, places, strict=True)):
            if found := _first(value, other, at, (*path, str(position))):
                return found
        return None
    if type(ours) is type(theirs) and (ours == theirs or (ours != ours and theirs != theirs)):
        return None
    told = f"DVC (YAML 1.2) reads {_said(theirs)}, PyYAML (YAML 1.1) {_said(ours)}"
    return Difference(node.start_mark.line + 1, _dotted(path), f"{told}; write {_mended(ours, theirs)}")


def _said(value: Any) -> str:
    """Return a value in words: `the text 'off'`, `false`, `the number 15`."""
    if isinstance(value, str):
        return f"the text '{_short(value)}'"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"the number {value}"
    return _short({True: "true", False: "false", None: "null"}[value] if value in (True, False, None) else str(value))


def _mended(ours: Any, theirs: Any) -> str:
    """Return how to write either meaning, DVC's first."""
    if isinstance(ours, (dict, list, tuple)) or isinstance(theirs, (dict, list, tuple)):
        return "it without tags and merges"
    ways = [f"'{_short(value)}' in quotes" if isinstance(value, str) else _written(value) for value in (theirs, ours)]
    return " or ".join(ways)


def _written(value: Any) -> str:
    if isinstance(value, float) and "e" in repr(value):
        digits, _, power = repr(value).partition("e")
        return f"{digits if '.' in digits else digits + '.0'}e{power}"
    return _said(value).removeprefix("the number ")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _dotted(path: Path) -> str:
    return ".".join(path) or "top level"
