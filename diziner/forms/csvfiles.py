"""CSV and TSV with a header: a document a row with its text, or a token a row with its tag."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from diziner.common.errors import UserError
from diziner.common.wholenumbers import whole_number
from diziner.common.words import counted
from diziner.forms.choices import Choices
from diziner.forms.columnlayout import TAG_NAMES, TOKEN_NAMES
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonkeys import GRAMMAR
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.lines import peek, text_lines
from diziner.forms.rows import Table, Unreadable
from diziner.forms.schemes import are_tags
from diziner.forms.textlists import LISTS

_TEXTS = ("text", "sentence", "content", "raw_text", "body", "tokens", "words")
# Columns that number sentences: of usual names, else of such names in letters alone (SentenceNumber), else of these.
_SENTENCES = ("sentence #", "sentence_id", "sent_id", "sentence_idx", "sentence")
_SENTENCE = re.compile("(?:sentence|sent)(?:id|ids|idx|index|no|nr|num|number)?|sid")
_INSTEAD = ("doc_id", "document", "id")
_DOCUMENTS = ("doc_id", "document_id", "document", "doc")  # beside a column of sentences, whose numbers begin anew
_RUN = 0.5  # of all rows have the number of their sentence in common with the row above
_SAMPLE = 200  # rows of which it is seen whether a column holds tags
_LONGEST = 1 << 27  # characters of a cell
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def csv_table(task: Task) -> Table:
    """Return the rows of a table with a header. Columns that hold no text, labels or id are kept as they are.

    Cells of tokens, tags and spans are lists, in JSON or as Python writes them. Where tokens and tags stand in rows of
    their own, a sentence lasts until its number changes.

    Errors: UserError for a table without a column of texts.
    """
    return rows_of_values(task, _values(task))


def looks_like_table(look: Look, least: int = 1) -> bool:
    """Whether the first line is a header of so many names that names a text, or a token and a tag."""
    header = [name.strip().lower() for name in _cells(look)]
    return len(header) >= least and (bool(set(header) & set(_TEXTS)) or _by_token(header) is not None)


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
    sample, rows = peek(rows, _SAMPLE)
    named = _named(header, task.choices, sample)
    by_token = named if task.choices.columns else _by_token(header) or _by_tags(header, sample)
    if by_token is not None:
        _require_sentences(task, header, by_token, sample)
        yield from _sentences(task, rows, *by_token)
        return
    for number, cells in rows:
        where = f"{task.path}:{number}"
        if not any(map(str.strip, cells)):
            continue
        if len(cells) < len(header) or any(cells[len(header) :]):
            yield Unreadable(where, f"{counted(len(cells), 'cell')}, the header has {len(header)}", cells)
            continue
        yield Value(where, dict(zip(header, cells, strict=False)))


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
    known = {*_TEXTS, *TOKEN_NAMES, *TAG_NAMES, *_SENTENCES, *_INSTEAD, *LISTS}
    named = {str(column) for column in task.choices.columns.values()}
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(cells)]
    found = [name if name in named or name.lower() not in known else name.lower() for name in names]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{task.path}:1: column {twice!r} is there twice; rename one")
    return found


def _by_token(header: Sequence[str]) -> tuple[int, int, tuple[int, ...]] | None:
    """Return the columns of token, tag and sentence, where each row is a token. Without a column of sentences, blank
    lines are between these."""
    token = next((header.index(name) for name in TOKEN_NAMES[:2] if name in header), None)
    tag = next((header.index(name) for name in TAG_NAMES if name in header), None)
    places = _sentence_columns(header)
    if token is None or tag is None or (not places and set(header) & set(_TEXTS)):
        return None
    return token, tag, places


def _sentence_columns(header: Sequence[str]) -> tuple[int, ...]:
    """Return the columns that together say of which sentence a token is: its own, and that of its document."""
    like = [name for name in header if _SENTENCE.fullmatch("".join(filter(str.isalpha, name.lower())))]
    own = next((name for name in (*_SENTENCES, *like, *_INSTEAD) if name in header), None)
    document = next((name for name in _DOCUMENTS if name in header and name != own), None)
    return tuple(header.index(name) for name in (document, own) if name is not None)


def _by_tags(header: Sequence[str], sample: Sequence[tuple[int, list[str]]]) -> tuple[int, int, tuple[int, ...]] | None:
    """Return the same where a column that may hold texts holds tokens: each row has one tag, and its sentence."""
    token = next((header.index(name) for name in (*TOKEN_NAMES, "text") if name in header), None)
    tag = next((header.index(name) for name in TAG_NAMES if name in header), None)
    places = _sentence_columns(header)
    if token is None or tag is None or not places or token in places:
        return None
    return (token, tag, places) if _are_tags(sample, tag) else None


def _named(
    header: Sequence[str], choices: Choices, sample: Sequence[tuple[int, list[str]]]
) -> tuple[int, int, tuple[int, ...]] | None:
    """Return the columns that are named as those of token, tag and sentence (as id), where each row is a token."""
    named = {key: str(column) for key, column in choices.columns.items()}
    if not {"tokens", "tags"} <= named.keys() or not {*named.values()} <= {*header}:
        return None
    token, tag = header.index(named["tokens"]), header.index(named["tags"])
    if not (_are_tags(sample, tag) or choices.labels) or any(_is_list(cells, token) for _, cells in sample):
        return None
    return token, tag, (header.index(named["id"]),) if "id" in named else ()


def _are_tags(sample: Sequence[tuple[int, list[str]]], column: int) -> bool:
    return are_tags({cells[column].strip() for _, cells in sample if len(cells) > column} - {""})


def _is_list(cells: Sequence[str], column: int) -> bool:
    return len(cells) > column and cells[column].strip()[:1] == "[" and len(cells[column].strip()) > 1


def _require_sentences(
    task: Task,
    header: Sequence[str],
    by_token: tuple[int, int, tuple[int, ...]],
    sample: Sequence[tuple[int, list[str]]],
) -> None:
    """Refuse a column `id` that nobody named and that has another number in each row, as the only one of sentences, and
    tables without a column of these in which one of another name may be it."""
    token, tag, places = by_token
    if not task.choices.columns and not places and (name := _running(header, sample)):
        raise UserError(
            f"{task.path}:{sample[0][0]}: no column of sentences under a usual name, and {name!r} is the same in rows "
            f"one after another: --columns token={header[token]},tag={header[tag]},id={name} if it numbers them, "
            "without id if it does not"
        )
    if [header[place] for place in places] != ["id"] or "id" in task.choices.columns:
        return
    names = [cells[places[0]] for _, cells in sample if len(cells) > places[0]]
    if len(names) > 1 and len({*names}) == len(names) and all(names):
        raise UserError(
            f"{task.path}:{sample[0][0]}: column 'id' is another in each row, so it numbers tokens and no "
            "sentences; --columns token=…,tag=…,id=… names the columns, id that of sentences, or none if blank lines "
            "are between these"
        )


def _running(header: Sequence[str], sample: Sequence[tuple[int, list[str]]]) -> str:
    """Return the column whose cells are more often than not the same as those above, and come back nowhere; empty for
    none. Where blank rows are between sentences, none is looked for."""
    rows = [cells for _, cells in sample]
    if any(not any(map(str.strip, cells)) for cells in rows):
        return ""
    for place, name in enumerate(header):
        column = [cells[place].strip() for cells in rows if len(cells) > place]
        same = [one == other for one, other in pairwise(column)]
        runs = same.count(False) + 1
        if are_tags({*column}) or name in TAG_NAMES or GRAMMAR.search(name.lower()):
            continue
        if 1 < runs == len({*column}) and sum(same) >= _RUN * len(same):
            return name
    return ""


def _sentences(
    task: Task, rows: Iterator[tuple[int, list[str]]], token: int, tag: int, places: tuple[int, ...]
) -> Iterator[Value]:
    current, where = ("",) * len(places), ""
    tokens: list[str] = []
    tags: list[str | int] = []
    named = task.choices.columns
    numbered = bool(task.choices.labels)

    def sentence() -> Value:
        row = {str(named.get("tokens", "tokens")): tokens, str(named.get("tags", "ner_tags")): tags}
        return Value(where, {**row, str(named["id"]): current[-1]} if "id" in named else row)

    for number, cells in rows:
        is_blank = not any(map(str.strip, cells))
        if not is_blank and len(cells) <= max(token, tag, *places):
            raise UserError(f"{task.path}:{number}: {counted(len(cells), 'cell')}, the header has more")
        # A cell that is empty says the same as the one above it.
        own = [cells[place].strip() for place in places] if not is_blank else []
        name = tuple(new or old for new, old in zip(own, current, strict=True)) if own else current
        if (is_blank and not places) or name != current:
            if tokens:
                yield sentence()
            current, tokens, tags = name, [], []
        if not is_blank:
            where = where if tokens else f"{task.path}:{number}"
            tokens.append(cells[token])
            own_tag = cells[tag].strip()
            code = whole_number(own_tag) if numbered else None
            tags.append(own_tag if code is None else code)
    if tokens:
        yield sentence()
