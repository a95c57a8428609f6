"""Readers of text files: JSON Lines, column files (CoNLL and its kin), and the bracket samples of a room."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import readable
from diziner.corpora.card import SPLITS
from diziner.corpora.rows import Row, Unreadable, select_columns
from diziner.spans.brackets import parse_brackets

DOCUMENT_START = "-DOCSTART-"


def jsonl_rows(path: Path, columns: Mapping[str, str | int]) -> Iterator[Row | Unreadable]:
    """Yield rows of a JSON Lines file; blank lines are skipped."""
    for number, line in text_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            yield Unreadable(where, f"not JSON: {error.msg} (column {error.colno})", line)
            continue
        if not isinstance(value, dict):
            yield Unreadable(where, f"a row must be a JSON object, found {type(value).__name__}", value)
            continue
        try:
            chosen = select_columns(value, columns, where, usual_id=True)
        except UserError as error:
            yield Unreadable(where, str(error).removeprefix(f"{where}: "), value)
            continue
        yield Row(where, {key: value[column] for key, column in chosen.items()})


def column_rows(
    path: Path, columns: Mapping[str, str | int], tagged: bool = True, blank_ends: bool = True
) -> Iterator[Row | Unreadable]:
    """Yield sentences of a column file: one token a line, a blank line after each sentence.

    Columns are separated by tabs where the line has one, else by spaces. The token is in the first column
    (in .conllu files the second), the tag in the last, unless the card gives other column numbers.
    -DOCSTART- lines, and in .conllu files comments, are skipped. `where` is the sentence's first line.
    Unless `tagged`, no tags are read, and a line may be a token alone. Unless `blank_ends`, only an empty line ends a
    sentence; one of white space is a token that is lost.
    """
    is_conllu = path.suffix == ".conllu"
    token_column = _column_number(columns, "tokens", int(is_conllu), path)
    tag_column = _column_number(columns, "tags", -1, path)
    first, fault = 0, ""
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in [*text_lines(path), (0, "")]:
        cells = line.split("\t") if "\t" in line else line.split()
        if line and not line.strip() and not blank_ends:
            continue
        if not line.strip():
            if fault:
                yield Unreadable(f"{path}:{first}", fault, tokens)
            elif tokens:
                yield Row(f"{path}:{first}", {"tokens": tokens, "tags": tags} if tagged else {"tokens": tokens})
            first, tokens, tags, fault = 0, [], [], ""
        elif not (is_conllu and line.startswith("#")):
            needed = 1 + max(token_column, tag_column, -1 - token_column, -1 - tag_column, int(tagged))
            first = first or number
            if len(cells) < needed:
                fault = fault or f"line {number} has {len(cells)} column(s), expected {needed} or more"
                tokens.append(line)
            elif cells[token_column] != DOCUMENT_START:
                tokens.append(cells[token_column].strip())
                tags.append(cells[tag_column].strip())


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
    for row in jsonl_rows(path, {}):
        if isinstance(row, Row) and row.value.get("split") in SPLITS:
            if row.value["split"] == split:
                yield row
        elif split == SPLITS[0] and isinstance(row, Row):
            reason = f"split {row.value.get('split')!r}; allowed: {' and '.join(SPLITS)}"
            yield Unreadable(row.where, reason, dict(row.value))
        elif split == SPLITS[0]:
            yield row


def text_rows(path: Path) -> Iterator[Row]:
    """Yield documents of a plain text file, one a line; blank lines are skipped."""
    for number, line in text_lines(path):
        if line.strip():
            yield Row(f"{path}:{number}", {"text": line.strip()})


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file with their numbers from 1, without line ends or a byte order mark.

    Read as they are asked for, so that a file may be larger than memory.
    Errors: UserError for a file that is missing, cannot be read, or is not UTF-8.
    """
    before = 0
    with readable(path), path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                error.start += before  # where in the file, not in the line
                raise
            before += len(raw)
            yield number, line.removesuffix("\n").removesuffix("\r")


def _column_number(columns: Mapping[str, str | int], key: str, default: int, path: Path) -> int:
    value = columns.get(key, default)
    if not isinstance(value, int):
        raise UserError(f"{path}: columns.{key}: {value!r}; column files need a column number, from 0")
    return value
