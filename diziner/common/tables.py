"""Tables for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that fits itself to the terminal: the highest `importance` is left out first, 0 never."""

    head: str
    cells: tuple[str, ...]
    importance: int = 0


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return left-aligned columns two spaces apart under a ruled head, ending in a newline.

    >>> print(text_table(("name", "n"), [("a", "12")]), end="")
    name  n
    --------
    a     12
    """
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in (lines[0], "-" * max(map(len, lines)), *lines[1:])) + "\n"


def fitted_table(columns: Sequence[Column], width: int) -> tuple[str, list[str]]:
    """Return a table no wider than `width` characters, and the heads of the columns left out for it.

    Columns are left out by importance; where even those of importance 0 are too wide, every row becomes a
    block of its own, with all columns.

    >>> columns = [Column("name", ("a",)), Column("F1", ("0.5",)), Column("remark", ("long enough",), 1)]
    >>> fitted_table(columns, 80)[1], fitted_table(columns, 12)[1]
    ([], ['remark'])
    >>> print(fitted_table(columns, 8)[0], end="")
    a
      F1
      0.5
      remark
      long
      enough
    """
    for most in sorted({column.importance for column in columns}, reverse=True):
        kept = [column for column in columns if column.importance <= most]
        text = text_table([column.head for column in kept], list(zip(*(column.cells for column in kept), strict=True)))
        if max(map(len, text.splitlines())) <= width:
            return text, [column.head for column in columns if column.importance > most]
    return _stacked(columns, width), []


def _stacked(columns: Sequence[Column], width: int) -> str:
    margin = max(len(column.head) for column in columns[1:]) + 4
    aligned = margin + max(len(cell) for column in columns[1:] for cell in column.cells) <= width
    lines = []
    for number, title in enumerate(columns[0].cells):
        lines.append(title)
        for column in columns[1:]:
            if aligned:
                lines.append(f"  {column.head.ljust(margin - 4)}  {column.cells[number]}".rstrip())
            else:
                wrapped = (textwrap.wrap(text, max(1, width - 2)) for text in (column.head, column.cells[number]))
                lines += [f"  {line}" for part in wrapped for line in part]
    return "\n".join(lines) + "\n"
