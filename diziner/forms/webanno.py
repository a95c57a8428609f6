"""WebAnno and INCEpTION's TSV, version 3: a token a line, layers of labels in columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.forms.form import Look, Task
from diziner.forms.lines import text_lines
from diziner.forms.rows import TOKENS, Row, Table, Unreadable

HEADER = "#FORMAT=WebAnno TSV 3"
_FIRST = 3  # the column of the first feature, after number, characters and token
_STACKED = re.compile(r"(?<!\\)\|")
_VALUE = re.compile(r"(?P<label>.*?)(?:\[(?P<id>\d+)\])?", re.DOTALL)


def webanno_table(task: Task) -> Table:
    """Return the sentences of a file, with the labels of its layer of named entities, or of its only layer of spans.

    Errors: UserError if it has several others, with the option that decides.
    """
    lines = list(text_lines(task.path))
    features: list[str] = []
    for _, line in lines:
        if line.startswith(("#T_SP=", "#T_RL=", "#T_CH=")):
            layer, *names = line.partition("=")[2].split("|")
            width = [f"{layer}|{name}" for name in names] or [layer]
            features += width if line.startswith("#T_SP=") else [f"{name} (no span)" for name in width]
    column = _FIRST + _feature(features, task)
    counts = Counter[str]()
    rows = _rows(lines, column, task, counts)
    return Table(task.split, rows, said=f"labels of {features[column - _FIRST]}", repairs=counts)


def looks_like_webanno(look: Look) -> bool:
    """Whether a file says so in its first line."""
    return look.head.startswith(HEADER.encode())


def _feature(features: Sequence[str], task: Task) -> int:
    named = task.choices.columns.get("tags")
    if isinstance(named, int):
        return named - _FIRST
    values = [place for place, name in enumerate(features) if "NamedEntity" in name and name.endswith("|value")]
    spans = [place for place, name in enumerate(features) if not name.endswith("(no span)")]
    found = values or (spans if len(spans) == 1 else [])
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"tag={_FIRST + place} {name}" for place, name in enumerate(features))
    raise UserError(f"{task.path}: which layer has the labels? --columns with one of: {listed or 'none is there'}")


def _rows(
    lines: Sequence[tuple[int, str]], column: int, task: Task, counts: Counter[str]
) -> Iterator[Row | Unreadable]:
    block: list[tuple[int, str]] = []
    for number, line in [*lines, (0, "")]:
        if line.strip():
            block.append((number, line))
        elif block:
            cells = [(number, line.split("\t")) for number, line in block if not line.startswith("#")]
            texts = [line.removeprefix("#Text=") for _, line in block if line.startswith("#Text=")]
            # Lines that are numbered 1-2.1 are parts of a token: what is labelled there lies inside it.
            if any("-" in each[0] for _, each in cells):
                yield _row(cells, texts, column, task, counts)
            block = []


def _row(
    cells: Sequence[tuple[int, list[str]]], texts: Sequence[str], column: int, task: Task, counts: Counter[str]
) -> Row | Unreadable:
    where = f"{task.path}:{cells[0][0]}"
    tokens: list[str] = []
    spans: dict[tuple[str, str], list[int]] = {}
    bare: set[tuple[int, str]] = set()
    for number, each in cells:
        if len(each) <= column:
            return Unreadable(where, f"line {number} has {counted(len(each), 'column')}, expected {column + 1}", each)
        if "." not in each[0]:
            tokens.append(each[2])
        for stacked in _STACKED.split(each[column]):
            found = _VALUE.fullmatch(stacked)
            label = found["label"] if found else ""
            if label == "*":  # somebody's span without a label; one with a number goes on over several tokens
                bare.add((0 if found and found["id"] else len(tokens), found["id"] or "" if found else ""))
            elif label not in ("_", ""):
                key = (label, f"[{found['id']}]" if found and found["id"] else str(len(tokens)))
                place = spans.setdefault(key, [len(tokens) - 1, len(tokens)])
                place[1] = len(tokens)
    counts["spans without a label"] += len(bare)
    value: dict[str, Any] = {"tokens": tokens, "spans": [], "unit": TOKENS}
    value["spans"] = [[start, end, label.replace("\\", "")] for (label, _), (start, end) in spans.items()]
    text = "".join(texts).replace("\\t", "\t").replace("\\r", "\r").replace("\\n", "\n").replace("\\\\", "\\")
    # Where the text is written otherwise than its tokens, these are joined by blanks.
    at = 0
    for token in tokens:
        at = text.find(token, at) + len(token) if text.find(token, at) >= 0 else len(text) + 1
    if any(map(str.isalnum, text[at:])):
        return Unreadable(
            where, f"its text goes on after its last token: {text[at:].strip()!r:.40}; is the file cut?", text
        )
    return Row(where, {**value, "text": text} if texts and at <= len(text) else value)
