"""CSV and TSV with a header: a document a row with its text, or a token a row with its tag."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Sequence
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.lines import text_lines
from diziner.forms.rows import Table

_TEXTS = ("text", "sentence", "content", "raw_text", "body", "tokens", "words")
_TOKENS = ("word", "token", "words", "tokens")
_TAGS = ("tag", "ner_tag", "ner", "label", "tags", "ner_tags", "labels", "entity")
_SENTENCES = ("sentence #", "sentence_id", "sent_id", "sentence_idx", "sentence", "doc_id", "document", "id")
_LISTS = ("tokens", "words", "ner_tags", "tags", "labels", "spans", "entities", "label", "annotations", "ner")
_LONGEST = 1 << 27  # characters of a cell


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
    return next(csv.reader([first], delimiter=_delimiter(first)), [])


def _delimiter(header: str) -> str:
    return max(",;\t|", key=header.count)


def _values(task: Task) -> Iterator[Value]:
    csv.field_size_limit(_LONGEST)
    lines = (line for _, line in text_lines(task.path))
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        return
    delimiter = _delimiter(first)
    header = _names(next(csv.reader([first], delimiter=delimiter)), task)
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    rows = ((reader.line_num + 1, cells) for cells in reader if any(map(str.strip, cells)))
    by_token = None if task.choices.columns else _by_token(header)
    if by_token is not None:
        yield from _sentences(task, rows, *by_token)
        return
    for number, cells in rows:
        row: dict[str, Any] = dict(zip(header, cells, strict=False))
        if len(cells) > len(header):
            raise UserError(f"{task.path}:{number}: {len(cells)} cells, the header has {len(header)}")
        used = {str(column) for key, column in task.choices.columns.items() if key not in ("id", "text")}
        row |= {key: _list(row[key]) for key in row.keys() & {*_LISTS, *used} if row[key].strip()[:1] in ("[", "{")}
        yield Value(f"{task.path}:{number}", row)


def _names(cells: Sequence[str], task: Task) -> list[str]:
    """Return the names of a header, usual ones in lower case.

    Errors: UserError for a name that is there twice.
    """
    known = {*_TEXTS, *_TOKENS, *_TAGS, *_SENTENCES, *_LISTS}
    named = {str(column) for column in task.choices.columns.values()}
    names = [cell.strip() for cell in cells]
    found = [name if name in named or name.lower() not in known else name.lower() for name in names]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{task.path}:1: column {twice!r} is there twice; rename one")
    return found


def _by_token(header: Sequence[str]) -> tuple[int, int, int] | None:
    """Return the columns of token, tag and sentence, where each row is a token."""
    token = next((header.index(name) for name in _TOKENS[:2] if name in header), None)
    tag = next((header.index(name) for name in _TAGS if name in header), None)
    sentence = next((header.index(name) for name in _SENTENCES if name in header), None)
    return None if token is None or tag is None or sentence is None else (token, tag, sentence)


def _sentences(
    task: Task, rows: Iterator[tuple[int, list[str]]], token: int, tag: int, sentence: int
) -> Iterator[Value]:
    current, where = "", ""
    tokens: list[str] = []
    tags: list[str] = []
    for number, cells in rows:
        if len(cells) <= max(token, tag, sentence):
            raise UserError(f"{task.path}:{number}: {len(cells)} cells, the header has more")
        name = cells[sentence].strip()
        if name and name != current:
            if tokens:
                yield Value(where, {"tokens": tokens, "ner_tags": tags})
            current, where, tokens, tags = name, f"{task.path}:{number}", [], []
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
