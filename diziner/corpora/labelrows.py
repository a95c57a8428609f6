"""Labels of a file of any form as rows: those of annotators that are files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.corpora.decode import Decoder
from diziner.forms.choices import Choices
from diziner.forms.form import Look, Task
from diziner.forms.jsonrows import DISCONTINUOUS
from diziner.forms.lines import text_lines
from diziner.forms.rows import CHARACTERS, TOKENS, Row, Unreadable
from diziner.forms.table import form_of
from diziner.records.annotations import Span, failure_of
from diziner.records.given import GivenRow, LabelFile

_TEXT_KEYS = {"text", "tokens", "words", "tokenized_text", "sentence", "content"}


def read_label_file(path: Path, read: Mapping[str, Any]) -> LabelFile:
    """Read a file of any form that `diziner.forms` has, or the project's own annotations, predictions and gold.

    `read` are choices, as an annotator's entry has them, where a form leaves open how to read it.
    Errors: UserError for a file that cannot be read, or can be read in two ways, a row that is wrong, and
    discontinuous spans, unless `drop` is chosen.
    """
    choices = Choices(**{**read, "labels": tuple(read.get("labels", ()))})
    look = Look(path)
    form = form_of(look, choices)
    if form.name == "json" and not choices.columns and isinstance(look.value, dict) and _is_own(look.value):
        return LabelFile(path, tuple(_own_rows(path)))
    table = form.read(Task(path, choices, "needed"))
    rows = tuple(_given(row, Decoder(None, table.names)) for row in table.rows)
    if (gaps := table.repairs[DISCONTINUOUS]) and not choices.drop:
        raise UserError(
            f"{path}: {counted(gaps, 'discontinuous span')}: documents here have spans without gaps; "
            "`read: {drop: true}` in the annotator's entry leaves these out"
        )
    return LabelFile(path, rows, table.said)


def _given(row: Row | Unreadable, decoder: Decoder) -> GivenRow:
    if isinstance(row, Unreadable):
        raise UserError(f"{row.where}: {row.reason}")
    value = row.value
    failure = failure_of(value.get("failure"), row.where)
    if failure is None and value.get("tags") is not None:
        read = decoder.decode(row)
        return GivenRow(row.where, read.id, value.get("text"), read.tokens, read.spans)
    tokens, text = value.get("tokens"), value.get("text")
    unit = value.get("unit") or (CHARACTERS if tokens is None else TOKENS)
    if unit == CHARACTERS and text is None:
        raise UserError(f"{row.where}: spans count characters, and there is no text")
    spans = _spans(value["spans"], row.where) if value.get("spans") is not None else None
    own = tuple(tokens) if isinstance(tokens, list) and unit == TOKENS else None
    return GivenRow(row.where, _name(value.get("id"), row.where), text, own, spans, failure)


def _own_rows(path: Path) -> Iterator[GivenRow]:
    """Yield rows of an id with spans of tokens that are elsewhere."""
    for number, line in text_lines(path):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            value = jsontext.row(line)
        except jsontext.JsonError as error:
            raise UserError(f"{where}: not JSON: {error.reason}") from None
        name = _name(value.get("id"), where) if isinstance(value, Mapping) else None
        if name is None or not _is_own(value):
            raise UserError(f"{where}: {value!r:.80} is no row of an id with spans, unlike the first one")
        yield GivenRow(where, name, None, None, _spans(value["spans"], where), failure_of(value.get("failure"), where))


def _is_own(row: Mapping[str, Any]) -> bool:
    return "spans" in row and not _TEXT_KEYS & row.keys()


def _name(value: object, where: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserError(f"{where}: id must be a string or a whole number, found {value!r}")
    return str(value)


def _spans(value: object, where: str) -> tuple[Span, ...]:
    if not isinstance(value, list):
        raise UserError(f"{where}: spans must be a list (one without mentions has []), found {value!r:.80}")
    spans = []
    for item in value:
        start, end, label = item if isinstance(item, list) and len(item) == 3 else (None, None, None)
        if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
            raise UserError(f"{where}: span {item!r:.80} is not [start, end, label]")
        spans.append(Span(start, end, label))
    return tuple(spans)
