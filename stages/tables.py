"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns two spaces apart under a ruled head, ending in a newline.

    >>> print(text_table(("name", "n"), [("a", "12")]), end="")
    name  n
    --------
    a     12
    """
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in (lines[0], "-" * max(map(len, lines)), *lines[1:])) + "\n"
