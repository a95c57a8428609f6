"""Choices of whoever reads a file: what its form leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_text
from diziner.common.jsontext import parse_json
from diziner.common.wholenumbers import whole_number

COLUMN_KEYS = ("id", "text", "tokens", "tags", "spans", "split", "annotator")
_SINGULAR = {"token": "tokens", "tag": "tags", "word": "tokens", "label": "tags"}
# What spans count, and whether their ends are included.
SPAN_UNITS = (
    *("tokens", "characters", "tokens-inclusive", "characters-inclusive"),
    *("utf16", "utf16-inclusive", "utf8", "utf8-inclusive"),
)


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices by the user or by a card; what is empty is found, or refused where it can be read in two ways.

    `columns` says which column (a name, or in column files a number from 0) holds tokens, tags, text, spans or id.
    `labels` name integer tags. `form` and `scheme` are names of the tables in `table` and `schemes`, `spans` one of
    `SPAN_UNITS`. `drop`: of overlapping spans the longest stay, and discontinuous ones are left out;
    `nested`: overlapping ones are wanted, all of them.
    `usual_id`: a column `id` is the document's id although nobody named it. `only_named`: if columns are named, no
    others are looked for.
    """

    columns: Mapping[str, str | int] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    form: str = ""
    scheme: str = ""
    spans: str = ""
    drop: bool = False
    nested: bool = False
    usual_id: bool = True
    only_named: bool = False


NO_CHOICES = Choices()


def parse_columns(text: str) -> dict[str, str | int]:
    """Read what --columns says: `token=1,tag=2`, or names: `tokens=words,tags=fine`.

    >>> parse_columns("token=1,tag=-1,id=key")
    {'tokens': 1, 'tags': -1, 'id': 'key'}
    """
    found: dict[str, str | int] = {}
    for part in text.split(","):
        key, equals, column = (each.strip() for each in part.partition("="))
        key = _SINGULAR.get(key, key)
        if not equals or not column or key not in COLUMN_KEYS or key in found:
            raise UserError(
                f"--columns {text}: {part!r}; write KEY=COLUMN with commas between, each key once, such as "
                f"token=1,tag=2 (from 0); keys: {', '.join(COLUMN_KEYS)}"
            )
        place = whole_number(column.removeprefix("-"))
        found[key] = column if place is None else -place if column.startswith("-") else place
    return found


def read_label_names(path: Path) -> tuple[str, ...]:
    """Read the names of integer tags: one a line, the first is 0; or JSON, a list or a model's `id2label`.

    Errors: UserError for a file that cannot be read or has none.
    """
    text = read_text(path).removeprefix("\ufeff")
    names: object = [line.strip() for line in text.splitlines() if line.strip()]
    if text.lstrip()[:1] in ("[", "{"):
        names = parse_json(text, str(path))
    if isinstance(names, Mapping):
        given = names.get("id2label", names)
        numbers = given.values() if isinstance(given, Mapping) else ()
        if isinstance(given, Mapping) and all(type(number) is int for number in numbers):
            given = {str(number): label for label, number in given.items()}
        ordered = [str(number) for number in range(len(given))] if isinstance(given, Mapping) else []
        if not isinstance(given, Mapping) or any(number not in given for number in ordered):
            raise UserError(f"{path}: the numbers of its labels are not 0, 1, 2 and so on")
        names = [given[number] for number in ordered]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: no names of tags; write one a line, the name of 0 first")
    return tuple(names)
