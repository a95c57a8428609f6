"""Tables for a terminal."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from diziner.common.wholenumbers import whole_number

_SPACE = 2  # between columns
_NOTE_WIDTH = 120
UNBOUNDED = 10_000  # characters of a line where nobody reads on a terminal


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that fits itself to the terminal: the highest `importance` is left out first, 0 never.
    `short` are narrower cells, for where the others have no place."""

    head: str
    cells: tuple[str, ...]
    importance: int = 0
    short: tuple[str, ...] = ()


def width_of(stream: TextIO) -> int:
    """Return the characters of a line of a stream: those of the terminal that it is, $COLUMNS if that is set, else as
    many as one likes."""
    if given := whole_number(os.environ.get("COLUMNS", "")):
        return given
    try:
        return os.get_terminal_size(stream.fileno()).columns or UNBOUNDED
    except (OSError, ValueError):  # no terminal, or no file at all
        return UNBOUNDED


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

    As many columns are taken as there is place for, by importance, with the long cells of those that leave place for
    them; where even those of importance 0 are too wide, every row becomes a block of its own, with all columns.

    >>> columns = [Column("name", ("a",)), Column("F1", ("0.5",)), Column("remark", ("long enough",), 1)]
    >>> fitted_table(columns, 80)[1], fitted_table(columns, 12)[1]
    ([], ['remark'])
    >>> fitted_table([*columns, Column("n", ("1",), 2)], 14)[1]
    ['remark']
    >>> print(fitted_table(columns, 8)[0], end="")
    a
      F1
      0.5
      remark
      long
      enough
    """
    by_importance = sorted(range(len(columns)), key=lambda place: (columns[place].importance, place))
    kept: dict[int, Column] = {}
    for place in by_importance:
        column = columns[place]
        taken = kept | {place: Column(column.head, column.short or column.cells)}
        if _width(taken.values()) <= width:
            kept = taken
        elif not column.importance:
            return _stacked(columns, width), []
    for place in filter(kept.__contains__, by_importance):
        widened = kept | {place: columns[place]}
        kept = widened if _width(widened.values()) <= width else kept
    shown = [kept[place] for place in sorted(kept)]
    text = text_table([column.head for column in shown], list(zip(*(column.cells for column in shown), strict=True)))
    return text, [column.head for place, column in enumerate(columns) if place not in kept]


def left_out_note(heads: Sequence[str], width: int, *, has_json: bool = True) -> list[str]:
    """Return a line about columns that had no place, of a command that has --json or not; none if there are none."""
    names, otherwise = ", ".join(heads), ", or --json" if has_json else ""
    return [f"left out in {width} characters: {names} (widen the terminal{otherwise})"] if heads else []


def wrapped(lines: Iterable[str], width: int) -> str:
    """Return lines of text broken at a terminal's width, or at 120 characters on a wider one."""
    return "".join(f"{part}\n" for line in lines for part in textwrap.wrap(line, min(width, _NOTE_WIDTH)))


def fitted_lines(lines: Iterable[str], width: int) -> str:
    """Return lines of text broken at a terminal's width; whole where nobody reads on one, so that a line can be found.

    >>> fitted_lines(["stale: a (b changed)"], 10), fitted_lines(["stale: a (b changed)"], UNBOUNDED)
    ('stale: a\\n(b\\nchanged)\\n', 'stale: a (b changed)\\n')
    """
    return "".join(f"{line}\n" for line in lines) if width >= UNBOUNDED else wrapped(lines, width)


def described(texts: Mapping[str, str], width: int) -> str:
    """Return names, each with a text beside it that keeps to a terminal's width.

    >>> print(described({"a": "one two", "bcd": "three"}, 9), end="")
    a    one
         two
    bcd  three
    """
    margin = max(map(len, texts), default=0) + _SPACE
    room = max(width - margin, 1)
    lines = []
    for name, text in texts.items():
        first, *more = textwrap.wrap(text, room, break_long_words=False) or [""]
        lines += [f"{name.ljust(margin)}{first}".rstrip(), *(f"{'':{margin}}{line}" for line in more)]
    return "".join(f"{line}\n" for line in lines)


def _width(columns: Iterable[Column]) -> int:
    widths = [max(map(len, (column.head, *column.cells))) for column in columns]
    return sum(widths) + _SPACE * (len(widths) - 1)


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
