"""Column files (CoNLL and its kin): a token a line, a blank line after each sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from diziner.common.wholenumbers import whole_number
from diziner.common.words import counted
from diziner.forms.columnlayout import DOCUMENT_START, Cells, ColumnLayout, cells_of, find_layout, is_header, misc_tags
from diziner.forms.form import Task
from diziner.forms.lines import peek, text_lines
from diziner.forms.rows import Row, Table, Unreadable, offsets_in

ENDINGS = (
    *(".conll", ".conllu", ".conllup", ".bio", ".bio2", ".iob", ".iob1", ".iob2", ".ioe"),
    *(".bioes", ".bilou", ".bmes", ".ner"),
)
_TEXT = "# text = "  # of CoNLL-U: what follows is the sentence as it was written
CONLLU = (".conllu", ".conllup")
_INDEXED = (*CONLLU, ".iob2")  # an index column is what they have
_CR = "\r"
_SAMPLE = 20_000  # lines that are looked at before the first is read


class Line(NamedTuple):
    """A line with its number."""

    number: int
    text: str


def column_table(task: Task) -> Table:
    """Return the sentences of a column file.

    Columns are apart by tabs where the line has one, else by blanks. Which holds the token, which the tag, and of which
    scheme tags are, is found from all lines; `Choices.columns`, counted from 0, and `Choices.scheme` say it.
    -DOCSTART- lines, which begin a sentence, a header and comments are skipped: in CoNLL-U lines that begin with #,
    elsewhere those of them that are no line of a token and its tag and stand before a sentence or have a blank behind
    the #. `where` of a row is its sentence's first line.

    Errors: UserError for lines that can be read in two ways, with the option that decides.
    """
    path, choices = task.path, task.choices
    sample, lines = peek(_lines(path), _SAMPLE)
    layout = _layout(sample, task)
    commented = path.suffix.lower() in CONLLU
    counts = Counter[str]()
    rows = _rows(lines, layout, path, commented, counts)
    rows = integer_tags(rows) if choices.labels else rows
    names = tuple(layout.style.normal(choices.labels))
    return Table(task.split, rows, names, "" if layout.is_usual else str(layout), counts)


def layout_of(task: Task) -> ColumnLayout:
    """Return the layout of a column file. Errors: as `column_table`."""
    return _layout(list(islice(_lines(task.path), _SAMPLE)), task)


def _lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a file, without a first one, comments left aside, that names the columns."""
    lines = (Line(*pair) for pair in text_lines(path))
    for line in lines:
        if not is_header(cells_of(line.text)):
            yield line
        if line.text.strip() and not line.text.startswith("#"):
            break
    yield from lines


def _layout(sample: Sequence[Line], task: Task) -> ColumnLayout:
    sentences = [own for block in blocks_of(sample) if (own := token_lines(block))]
    tagged = {"needed": True, "wanted": None, "ignored": False}[task.gold]
    known = task.path.suffix.lower() in _INDEXED
    return find_layout(sentences, task.choices, str(task.path), known=known, tagged=tagged)


def blocks_of(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines that are not blank. A -DOCSTART- line ends one as a blank line does."""
    block: list[Line] = []
    for line in lines:
        if line.text.strip() and not (line.text.startswith(DOCUMENT_START) and _starts_document(line.text)):
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _starts_document(line: str) -> bool:
    return cells_of(line)[0] == DOCUMENT_START


def token_lines(block: Sequence[Line]) -> list[Cells]:
    """Return the cells of the lines of a block that may be tokens, and no comments."""
    return [cells_of(line.text) for line in block if not line.text.startswith("#") and _CR not in line.text]


def _rows(
    lines: Iterable[Line], layout: ColumnLayout, path: Path, commented: bool, counts: Counter[str]
) -> Iterator[Row | Unreadable]:
    for block in blocks_of(lines):
        row = _row(block, layout, path, commented, counts)
        if row is not None:
            yield row


def _row(
    block: Sequence[Line], layout: ColumnLayout, path: Path, commented: bool, counts: Counter[str]
) -> Row | Unreadable | None:
    """Return the row of a block of lines; None if there is no token in it."""
    tokens: list[str] = []
    tags: list[str] = []
    where, fault, whole = f"{path}:{block[0].number}", "", None
    # Where no column of tags is known, these do not tell comments: a line without a tab among others is none of tokens.
    tabbed = layout.tag is None and layout.unread is None and any("\t" in line.text for line in block)
    for number, text in block:
        cells = cells_of(text)
        if commented and text.startswith(_TEXT):
            whole = text.removeprefix(_TEXT)
        may_be_comment = text.startswith("#") and (not tokens or text.startswith("# "))
        if (commented and text.startswith("#")) or (may_be_comment and not _is_token(cells, layout)):
            continue
        if may_be_comment and tabbed and "\t" not in text:
            continue
        if not tokens:
            where = where if fault else f"{path}:{number}"
        if reason := _misfit(cells, text, layout):
            fault = fault or f"line {number} {reason}"
            tokens.append(text)
            continue
        if layout.index and not cells[0].isdecimal():
            continue  # several tokens in one word (1-2), or a token that is not in the text (1.1)
        tokens.append(cells[layout.token])
        if layout.tag is not None:
            tags.append(cells[layout.tag])
    if fault:
        return Unreadable(where, fault, tokens)
    if not any(map(str.strip, tokens)):
        counts["blank sentences"] += bool(tokens)
        return None
    # The sentence's own text, unless its words are written otherwise than its tokens (im: in dem).
    own = {"text": whole} if whole is not None and offsets_in(tokens, whole) is not None else {}
    if layout.tag is None:
        return Row(where, {"tokens": tokens, **own})
    return Row(where, {"tokens": tokens, "tags": _tags(tags, layout), **own})


def _tags(cells: list[str], layout: ColumnLayout) -> list[str]:
    if layout.numbered:
        return cells
    return layout.style.normal(misc_tags(cells, layout.key) if layout.key else cells)


def _misfit(cells: Cells, text: str, layout: ColumnLayout) -> str:
    """Return in which way a line is no line of the file's; empty if it is one."""
    if _CR in text:
        return "has a carriage return inside, and others end in LF: put LF in its place, or take it out"
    needed = 1 + max(_far(layout.token), -1 if layout.tag is None else _far(layout.tag))
    if len(cells) < needed:
        return f"has {counted(len(cells), 'column')}, expected {max(needed, layout.width)} or more"
    if len(cells) != layout.width and "\t" not in text:
        return f"has {counted(len(cells), 'column')}, the file has {layout.width}"
    return ""


def _far(column: int) -> int:
    return column if column >= 0 else -1 - column


def _is_token(cells: Cells, layout: ColumnLayout) -> bool:
    if _misfit(cells, "", layout):
        return False
    column = layout.unread if layout.tag is None else layout.tag
    if column is None or layout.key or len(cells) <= _far(column):
        return column is None or bool(layout.key)
    return cells[column].isdecimal() if layout.numbered else layout.style.read(cells[column]) is not None


def integer_tags(rows: Iterable[Row | Unreadable]) -> Iterator[Row | Unreadable]:
    """Yield rows with tags that are written as numbers as numbers."""
    for row in rows:
        tags = row.value.get("tags") if isinstance(row, Row) else None
        numbers = [whole_number(tag) for tag in tags or ()]
        if isinstance(row, Row) and numbers and None not in numbers:
            yield Row(row.where, {**row.value, "tags": numbers})
        else:
            yield row
