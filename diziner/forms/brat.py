"""brat's standoff: a folder of texts, each with a file of annotations beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diziner.common.files import readable
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.lines import text_lines
from diziner.forms.rows import Table, Unreadable

_ENTITY = re.compile(r"(?P<id>T\S*)\t(?P<label>\S+) (?P<place>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")
ENDING = ".ann"


def brat_table(task: Task) -> Table:
    """Return a document for each text of a folder and those below it, or that of one .ann file.

    Its id is the text's path without the ending. One without a file of annotations has no labels; relations, events and
    attributes are not read.
    """
    return rows_of_values(task, _documents(task.path))


def looks_like_brat(look: Look) -> bool:
    """Whether a folder has files of annotations."""
    return look.suffix == ENDING or (look.path.is_dir() and next(look.path.rglob(f"*{ENDING}"), None) is not None)


def _documents(path: Path) -> Iterator[Value | Unreadable]:
    folder = path.parent if path.is_file() else path
    texts = [path.with_suffix(".txt")] if path.is_file() else sorted(folder.rglob("*.txt"))
    for text_file in texts:
        with readable(text_file), text_file.open(encoding="utf-8", newline="") as file:
            text = file.read()
        row: dict[str, Any] = {"id": text_file.relative_to(folder).with_suffix("").as_posix(), "text": text}
        marks = text_file.with_suffix(ENDING)
        if not marks.is_file():
            yield Value(str(text_file), row)
            continue
        entities: list[dict[str, Any]] = []
        fault = None
        for number, line in text_lines(marks):
            if not line.startswith("T"):
                continue
            found = _ENTITY.fullmatch(line)
            if found is None:
                fault = fault or Unreadable(f"{marks}:{number}", "no entity of brat: T1<tab>LABEL 0 4<tab>text", line)
                continue
            span = [[int(bound) for bound in piece.split()] for piece in found["place"].split(";")]
            text_of = {"text": found["text"]} if found["text"] else {}
            entities.append({"span": span, "label": found["label"], **text_of})
        yield fault or Value(str(marks), {**row, "entities": entities})
