"""CSV and TSV with a header: a document a row with its text, or a token a row with its tag."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.forms.columnlayout import TAG_NAMES, TOKEN_NAMES
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.lines import text_lines
from diziner.forms.rows import Table, Unreadable

_TEXTS = ("text", "sentence", "content", "raw_text", "body", "tokens", "words")
_SENTENCES = ("sentence #", "sentence_id", "sent_id", "sentence_idx", "sentence", "doc_id", "document", "id")
_LISTS = ("tokens", "words", "ner_tags", "tags", "labels", "spans", "entities", "label", "annotations", "ner")
_LONGEST = 1 << 27  # characters of a cell
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def csv_table(task: Task) -> Table:
    """Return the rows of a table with a header. Columns that hold no text, labels or id are kept as they are.

    Cells of tokens, tags and spans are lists, in JSON or as Python writes them. Where tokens and tags stand in rows of
    their own, a sentence lasts until its number changes.

    Errors: UserError for a table without a column of texts.
    """
    return rows_of_values(task, _values(task))


def looks_like_table(look: Look) -> bool:
    """Whether the first line is a header that names a text, or a token and a tag."""
    header = [name.strip().lower() for name in _cells(look)]
    return len(header) > 0 and (bool(set(header) & set(_TEXTS)) or _by_token(header) is not None)


def _cells(look: Look) -> list[str]:
    first = next((line for line in look.lines if line.strip()), "")
    return _split(first, _delimiter(first))


def _split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line by itself; none where it has none that can be read."""
    csv.field_size_limit(_LONGEST)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _delimiter(header: str) -> str:
    return max(",;\t|", key=header.count)


def _values(task: Task) -> Iterator[Value | Unreadable]:
    lines = text_lines(task.path)
    begin, first = next(((number, line) for number, line in lines if line.strip()), (0, ""))
    if not begin:
        return
    delimiter = _delimiter(first)
    header = _names(_header(first, delimiter), task)
    rows = _rows(task, begin, delimiter, len(header))
    by_token = None if task.choices.columns else _by_token(header)
    if by_token is not None:
        yield from _sentences(task, rows, *by_token)
        return
    used = {str(column) for key, column in task.choices.columns.items() if key not in ("id", "text")}
    for number, cells in rows:
        where = f"{task.path}:{number}"
        if not any(map(str.strip, cells)):
            continue
        if len(cells) < len(header) or any(cells[len(header) :]):
            yield Unreadable(where, f"{counted(len(cells), 'cell')}, the header has {len(header)}", cells)
            continue
        row: dict[str, Any] = dict(zip(header, cells, strict=False))
        row |= {key: _list(row[key]) for key in row.keys() & {*_LISTS, *used} if row[key].strip()[:1] in ("[", "{")}
        yield Value(where, row)


def _rows(task: Task, begin: int, delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows after a header in line `begin`, each with the number of its last line.

    Errors: UserError for quotes that are not closed, or that stand inside a cell in quotes.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if _has_quoted_cells(task, delimiter, width) else csv.QUOTE_NONE
    # With their ends: those inside cells are part of the text, whose characters spans count.
    lines = (line for number, line in text_lines(task.path, ends=True) if number > begin)
    reader = csv.reader(lines, delimiter=delimiter, strict=True, quoting=quoting)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UserError(
                f"{task.path}:{begin + reader.line_num}: not a row of this table: {error}; a cell with quotes in it "
                "stands in quotes, and each of these is doubled"
            ) from None
        if cells is None:
            return
        yield begin + reader.line_num, cells


def _has_quoted_cells(task: Task, delimiter: str, width: int) -> bool:
    """Whether quotes stand around cells, as always where commas are between these.

    Tables with tabs are often written without any: quotes are then part of the text. That is so where each line has all
    cells, and in some a cell begins with a quote and does not end with one.
    """
    if delimiter != "\t":
        return True
    as_text = False
    for _, line in text_lines(task.path):
        if '"' not in line:
            continue
        cells = line.split("\t")
        if len(cells) != width:
            return True
        as_text = as_text or any(cell.startswith('"') and not _QUOTED.fullmatch(cell) for cell in cells)
    return not as_text


def _header(line: str, delimiter: str) -> list[str]:
    """Return the names of a header, without empty ones at its end, as spreadsheets write them."""
    cells = _split(line, delimiter)
    while len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return cells


def _names(cells: Sequence[str], task: Task) -> list[str]:
    """Return the names of a header, usual ones in lower case; a column without one is called by its number, from 0.

    Errors: UserError for a name that is there twice.
    """
    known = {*_TEXTS, *TOKEN_NAMES, *TAG_NAMES, *_SENTENCES, *_LISTS}
    named = {str(column) for column in task.choices.columns.values()}
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(cells)]
    found = [name if name in named or name.lower() not in known else name.lower() for name in names]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{task.path}:1: column {twice!r} is there twice; rename one")
    return found


def _by_token(header: Sequence[str]) -> tuple[int, int, int | None] | None:
    """Return the columns of token, tag and sentence, where each row is a token. Without a column of sentences, blank
    lines are between these."""
    token = next((header.index(name) for name in TOKEN_NAMES[:2] if name in header), None)
    tag = next((header.index(name) for name in TAG_NAMES if name in header), None)
    sentence = next((header.index(name) for name in _SENTENCES if name in header), None)
    if token is None or tag is None or (sentence is None and set(header) & set(_TEXTS)):
        return None
    return token, tag, sentence


def _sentences(
    task: Task, rows: Iterator[tuple[int, list[str]]], token: int, tag: int, sentence: int | None
) -> Iterator[Value]:
    current, where = "", ""
    tokens: list[str] = []
    tags: list[str] = []
    for number, cells in rows:
        is_blank = not any(map(str.strip, cells))
        if not is_blank and len(cells) <= max(token, tag, sentence or 0):
            raise UserError(f"{task.path}:{number}: {counted(len(cells), 'cell')}, the header has more")
        name = "" if is_blank or sentence is None else cells[sentence].strip()
        if (is_blank and sentence is None) or (name and name != current):
            if tokens:
                yield Value(where, {"tokens": tokens, "ner_tags": tags})
            current, tokens, tags = name, [], []
        if not is_blank:
            where = where if tokens else f"{task.path}:{number}"
            tokens.append(cells[token])
            tags.append(cells[tag].strip())
    if tokens:
        yield Value(where, {"tokens": tokens, "ner_tags": tags})


def _list(cell: str) -> Any:
    """Return the list in a cell; the cell itself if it holds none."""
    try:
        return jsontext.row(cell)
    except jsontext.JsonError:
        pass
    try:
        return ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return cell
