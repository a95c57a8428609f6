"""brat's standoff: a folder of texts, each with a file of annotations beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diziner.common.files import readable
from diziner.forms.form import Gold, Look, Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.lines import text_lines
from diziner.forms.rows import Table, Unreadable
from diziner.forms.spanunits import has_text

_ENTITY = re.compile(
    r"(?P<id>T\S*)\t(?P<label>\S+) (?P<place>\d{1,18} \d{1,18}(?:;\d{1,18} \d{1,18})*)(?:\t(?P<text>.*))?"
)
# Relations, events, attributes, modifications, normalisations, notes, and what they are equivalent to.
_OTHER = re.compile(r"[REAMN]\S*\t|#|\*\t")
_KINDS = "no line of brat: each begins with T, R, E, A, M, N and a number, with # or *"
_MARK = "\ufeff"
ENDING = ".ann"


def brat_table(task: Task) -> Table:
    """Return a document for each text of a folder and those below it, or that of one .ann file.

    Its id is the text's path without the ending. One without a file of annotations has no labels; relations, events and
    attributes are not read.
    """
    return rows_of_values(task, _documents(task.path, task.gold))


def looks_like_brat(look: Look) -> bool:
    """Whether a folder has files of annotations."""
    return look.suffix == ENDING or (look.path.is_dir() and next(look.path.rglob(f"*{ENDING}"), None) is not None)


def _documents(path: Path, gold: Gold) -> Iterator[Value | Unreadable]:
    folder = path.parent if path.is_file() else path
    texts = [path.with_suffix(".txt")] if path.is_file() else sorted(folder.rglob("*.txt"))
    lonely = (
        sorted({marks.with_suffix(".txt") for marks in folder.rglob(f"*{ENDING}")} - {*texts}) if path.is_dir() else []
    )
    for text_file in sorted([*texts, *lonely]):
        marks = text_file.with_suffix(ENDING)
        if text_file in lonely:
            yield Unreadable(str(marks), f"has no text {text_file.name} beside it", None)
            continue
        with readable(text_file), text_file.open(encoding="utf-8", newline="") as file:
            text = file.read()
        row: dict[str, Any] = {"id": text_file.relative_to(folder).with_suffix("").as_posix(), "text": text}
        if not marks.is_file() or gold == "ignored":
            yield Value(str(text_file), row | {"text": text.removeprefix(_MARK)})
            continue
        entities = _entities(marks)
        if isinstance(entities, Unreadable):
            yield entities
            continue
        if not _fits(text, entities) and "\r\n" in text and _fits(one := text.replace("\r\n", "\n"), entities):
            row["text"] = text = one  # as tools that read line ends as one character count
        if text.startswith(_MARK):
            row["text"], entities = text.removeprefix(_MARK), _without_mark(text, entities)
        yield Value(str(marks), {**row, "entities": entities})


def _entities(marks: Path) -> list[dict[str, Any]] | Unreadable:
    entities: list[dict[str, Any]] = []
    for number, line in text_lines(marks):
        if not line.strip() or _OTHER.match(line):
            continue
        found = _ENTITY.fullmatch(line)
        if found is None:
            reason = "no entity of brat: T1<tab>LABEL 0 4<tab>text" if line.startswith("T") else _KINDS
            return Unreadable(f"{marks}:{number}", reason, line)
        span = [[int(bound) for bound in piece.split()] for piece in found["place"].split(";")]
        entities.append({"span": span, "label": found["label"], "text": found["text"], "number": number})
    # Some write no texts at all; else one that is not there was cut off, and perhaps part of the place with it.
    lacking = next((each["number"] for each in entities if not each["text"]), None)
    if lacking is not None and (any(each["text"] for each in entities) or not marks.read_bytes().endswith(b"\n")):
        return Unreadable(f"{marks}:{lacking}", "an entity without its text; is the file cut?", None)
    return entities


def _without_mark(text: str, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entities as places in a text without its byte order mark, which some tools count and some do not."""
    if not _fits(text, entities):
        return entities
    return [{**each, "span": [[start - 1, end - 1] for start, end in each["span"]]} for each in entities]


def _fits(text: str, entities: list[dict[str, Any]]) -> bool:
    """Whether all entities have the texts that they state, where they state some."""
    stated = [each for each in entities if each["text"]]
    return all(has_text(text, [(start, end) for start, end in each["span"]], each["text"]) for each in stated)
