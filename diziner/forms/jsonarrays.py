"""Reader of JSON Lines of tokens and tags as arrays, without an object for each span.

What it cannot read, `jsonrows` reads row by row, or refuses; a test holds the one to the other.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import islice
from typing import Any

from diziner.forms.columnarrays import Tagged, columns_of
from diziner.forms.columns import Columns
from diziner.forms.form import Task
from diziner.forms.jsonfiles import Value, json_values
from diziner.forms.jsonkeys import Keys, find_keys
from diziner.forms.schemes import Style, require_style
from diziner.forms.tagstrings import with_tokens

_SAMPLE = 1000
_LARGEST = 1 << 29  # bytes of a file; a larger one is read row by row


def read_json_columns(task: Task) -> Columns | None:
    """Read rows that have tokens and tags, and perhaps an id, all alike; None for anything else.

    Errors: UserError as `jsonrows.rows_of_values`, where rows can be read in two ways.
    """
    if task.choices.labels or task.choices.spans or task.path.stat().st_size > _LARGEST:
        return None
    values = with_tokens(json_values(task.path), task.choices)
    sample = [item for item in islice(values, _SAMPLE) if isinstance(item, Value)]
    rows = [item for item in sample if isinstance(item.value, Mapping)]
    keys = find_keys(rows, task.choices, task.gold)
    if len(keys.tokens) != 1 or not keys.tags or keys.text or keys.spans:
        return None
    lists = [row.value.get(keys.tags[0]) for row in rows]
    tags = [tag for own in lists if isinstance(own, list) for tag in own if isinstance(tag, str)]
    style = require_style(tags, task.choices.scheme, f"{rows[0].where}: {keys.tags[0]}")
    said = "" if style.is_usual else f"{keys.tags[0]} as {style} tags"
    return _read(task, keys, style, said)


def _read(task: Task, keys: Keys, style: Style, said: str) -> Columns | None:
    tokens_key, tags_key = keys.tokens[0], keys.tags[0]
    wanted = {tokens_key, tags_key}
    texts: list[str] = []
    lengths, counts, codes = array("i"), array("i"), array("i")
    known: dict[str, int] = {}
    ids: list[str] = []
    for item in json_values(task.path):
        row: Any = item.value if isinstance(item, Value) else None
        if not isinstance(row, dict) or row.keys() - {keys.id} != wanted:
            return None
        tokens, tags = row[tokens_key], row[tags_key]
        if not (isinstance(tokens, list) and isinstance(tags, list) and len(tokens) == len(tags) > 0):
            return None
        try:
            text = " ".join(tokens)
            codes.extend([known.setdefault(tag, len(known)) for tag in tags])
        except TypeError:
            return None  # what is no string
        if text.split() != tokens:
            return None
        texts.append(text)
        lengths.extend(map(len, tokens))
        counts.append(len(tokens))
        if keys.id in row:
            if type(row[keys.id]) not in (str, int) or row[keys.id] == "":
                return None
            ids.append(str(row[keys.id]))
    whole = " ".join([*texts, ""])
    if not texts or len(ids) not in (0, len(texts)) or len(set(ids)) != len(ids) or not all(map(_is_tag, known)):
        return None
    try:
        for each in (whole, *ids):
            each.encode()
    except UnicodeEncodeError:
        return None
    return columns_of(Tagged(whole, lengths, counts, codes, list(known)), style, said, tuple(ids))


def _is_tag(tag: object) -> bool:
    return isinstance(tag, str)
