"""Lists that are written as text, as in cells of a table: in JSON, as Python or as numpy writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

from diziner.common import jsontext

# Columns and keys that hold lists.
LISTS = ("tokens", "words", "ner_tags", "tags", "labels", "spans", "entities", "label", "annotations", "ner")
# A string as Python writes it, or a whole number; and more than one of them with blanks between, as numpy writes lists.
_ENTRY = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d{1,18}""")
_NUMPY = re.compile(rf"\[\s*(?:{_ENTRY.pattern})(?:\s+(?:{_ENTRY.pattern}))+\s*\]")


def with_lists(row: Mapping[str, Any], keys: Iterable[str]) -> Mapping[str, Any]:
    """Return a row in which the lists under these keys may be written as text."""
    written = {key: list_in(row[key]) for key in keys if is_written_list(row.get(key))}
    return {**row, **written} if written else row


def is_written_list(value: object) -> bool:
    """Whether a value is a text that begins as a list or an object does."""
    return isinstance(value, str) and value.lstrip()[:1] in ("[", "{")


def list_in(cell: str) -> Any:
    """Return the list in a cell; the cell itself if it holds none."""
    try:
        return jsontext.row(cell)
    except jsontext.JsonError:
        pass
    if (entries := _numpy_list(cell)) is not None:
        return entries
    try:
        return ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return cell


def _numpy_list(cell: str) -> list[Any] | None:
    """Return the list in a cell that numpy wrote, with blanks between entries; None for any other.

    >>> _numpy_list("['Mara' 'is'\\n 'here']"), _numpy_list("[1 0 -1]"), _numpy_list("['Mara', 'is']")
    (['Mara', 'is', 'here'], [1, 0, -1], None)
    """
    if not _NUMPY.fullmatch(cell.strip()):
        return None
    entries = [found.group() for found in _ENTRY.finditer(cell)]
    return [ast.literal_eval(entry) for entry in entries] if len(entries) > 1 else None
