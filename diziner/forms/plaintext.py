"""Plain text: a document a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from diziner.common.errors import UserError
from diziner.forms.columnlooks import looks_like_columns, looks_nearly_like_columns, tagged_word
from diziner.forms.csvfiles import looks_like_table
from diziner.forms.form import Look, Task
from diziner.forms.lines import text_lines
from diziner.forms.rows import Row, Table

ENDINGS = (".txt", ".text", ".md")


def text_table(task: Task) -> Table:
    """Return documents of a plain text file, one a line; blank lines are skipped. A carriage return within a line of a
    file whose lines end in LF is white space of its document, and counted as a repair.

    Errors: UserError for a file that looks like columns, a table or JSON, or whose words carry tags, unless --form says
    that it is text.
    """
    look = Look(task.path)
    if not look.head.strip():
        return Table(task.split, ())
    if not task.choices.form:
        _refuse_tagged(look)
    if task.gold == "needed":
        raise UserError(f"{task.path}: plain text has no labels; --form names another form")
    counts = Counter[str]()
    return Table(task.split, _rows(task, counts), repairs=counts)


def _refuse_tagged(look: Look) -> None:
    reason = ""
    if isinstance(look.value, dict | list):
        reason = "its first line is JSON: --form json reads it so, --form text as a document a line"
    elif looks_like_table(look, 2):
        reason = "its first line is a header of a table: --form csv reads it so, --form text as a document a line"
    elif looks_nearly_like_columns(look):
        reason = (
            "its lines look like columns of tokens and tags; --columns token=0,tag=1 or --scheme IO reads them so, "
            "--form text as a document a line"
        )
    elif word := tagged_word(look):
        reason = (
            f"its words carry tags, as {word!r:.60}: a token a line with a tab before its tag is read (--form "
            "columns); --form text reads them as they stand"
        )
    if reason:
        for _ in text_lines(look.path):
            pass  # what is no text at all is said first
        raise UserError(f"{look.path}: {reason}")


def looks_like_text(look: Look) -> bool:
    """Whether a file of this ending is text: unless it is columns."""
    return not looks_like_columns(look)


def _rows(task: Task, counts: Counter[str]) -> Iterator[Row]:
    for number, line in text_lines(task.path):
        if line.strip():
            counts["carriage returns inside a line"] += line.strip().count("\r")
            yield Row(f"{task.path}:{number}", {"text": line.strip()})
