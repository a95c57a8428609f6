"""Readers of a room's own files: the samples in brackets, and JSON Lines with a split in each row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from diziner.common.errors import UserError
from diziner.corpora.card import SPLITS
from diziner.forms.choices import Choices
from diziner.forms.form import Task
from diziner.forms.lines import text_lines
from diziner.forms.rows import Row, Unreadable
from diziner.forms.table import table_of
from diziner.spans.brackets import parse_brackets


def jsonl_rows(path: Path) -> Iterator[Row | Unreadable]:
    """Yield rows of a JSON Lines file as `diziner new` writes it."""
    yield from table_of(Task(path, Choices(form="json"))).rows


def sample_rows(path: Path, split: str) -> Iterator[Row | Unreadable]:
    """Yield sentences of one section, `== pilot ==` or `== test ==`, of a room's sample in bracket notation.

    Blank lines and lines that start with "# " are skipped. Sections may be in any order, each at most once.

    Raises:
        UserError: an unknown or repeated heading, a sentence before the first heading, or no such section.
    """
    section, seen = "", []
    for number, line in text_lines(path):
        where, stripped = f"{path}:{number}", line.strip()
        if not stripped or line.startswith("# "):
            continue
        if stripped.startswith("== "):
            section = stripped.strip("= ")
            if section not in SPLITS or section in seen:
                known = " and ".join(f"'== {name} =='" for name in SPLITS)
                raise UserError(f"{where}: heading {stripped!r}; allowed, once each: {known}")
            seen.append(section)
        elif not section:
            raise UserError(f"{where}: a sentence before the first heading; start with '== pilot =='")
        elif section == split:
            try:
                tokens, spans = parse_brackets(stripped)
            except UserError as error:
                yield Unreadable(where, str(error), stripped)
                continue
            gold = [[span.start, span.end, span.type] for span in spans]
            yield Row(where, {"tokens": list(tokens), "spans": gold})
    if split not in seen:
        raise UserError(f"{path}: no section '== {split} =='")


def split_rows(path: Path, split: str) -> Iterator[Row | Unreadable]:
    """Yield rows of one split of a room's JSON Lines file, whose rows say which: pilot or test.

    Rows that cannot be read or say neither come with the first split, so that each is seen once.
    """
    for row in jsonl_rows(path):
        if isinstance(row, Row) and row.value.get("split") in SPLITS:
            if row.value["split"] == split:
                yield row
        elif split == SPLITS[0] and isinstance(row, Row):
            reason = f"split {row.value.get('split')!r}; allowed: {' and '.join(SPLITS)}"
            yield Unreadable(row.where, reason, dict(row.value))
        elif split == SPLITS[0]:
            yield row
