"""Rows as read from any file, before they are documents: the same keys for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from diziner.common.errors import UserError

# The usual names of each key, first found first, where a card names no columns.
USUAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id",),
    "tokens": ("tokens", "words"),
    "tags": ("ner_tags", "tags", "labels"),
    "text": ("text",),
    "spans": ("spans", "entities"),
    "characters": ("characters",),
    "split": ("split",),
}
TOKENS, CHARACTERS = "tokens", "characters"  # what spans are positions of


class Row(NamedTuple):
    """One row. `where` is for messages. `value` has some of these keys:

    `id`, `text`, `tokens` (strings), `tags` (one a token: O, B-, I-, E- or S- with a label, or numbers), `spans`
    ([start, end, label], ends excluded), `unit` of the spans (tokens or characters; by default tokens where the row has
    some), `characters` of each span where its tokens are given, `split`, `failure`, and `other`: whatever else the
    file has about the document, by name.
    """

    where: str
    value: Mapping[str, Any]


class Unreadable(NamedTuple):
    """A row that could not be read, with the reason and what stood there."""

    where: str
    reason: str
    raw: object


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one split. `names` are the source's own names of integer tags, empty if it has none;
    `split` is the source's own name of the split, from which ids are made. `said`: how the file is read, in words,
    where that was found in it and is not the usual way. `repairs` counts, as the rows are read, what was mended before
    there were rows."""

    split: str
    rows: Iterable[Row | Unreadable]
    names: tuple[str, ...] = ()
    said: str = ""
    repairs: Counter[str] = field(default_factory=Counter)


def offsets_in(tokens: Sequence[str] | None, text: str | None) -> list[tuple[int, int]] | None:
    """Return where tokens stand in a text, each after the one before; None if they do not, or there is no text."""
    if tokens is None or text is None:
        return None
    found, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:
            return None
        end = start + len(token)
        found.append((start, end))
    return found


def select_columns(
    available: Iterable[str], columns: Mapping[str, str | int], where: str, usual_id: bool
) -> dict[str, str]:
    """Return which of the `available` columns holds each key: as the card's `columns` say, else by usual names.

    An `id` column that the card does not name is used only if `usual_id`: hub datasets number every split
    from 0, so that their ids are not unique.

    Raises:
        UserError: a named column is not there, or neither tokens nor text can be found.
    """
    present = list(available)
    chosen: dict[str, str] = {}
    for key, column in columns.items():
        if column not in present:
            there = ", ".join(sorted(present))
            raise UserError(f"{where}: no column {column!r} for {key}; there are: {there}")
        chosen[key] = str(column)
    if not columns:
        for key, candidates in USUAL_COLUMNS.items():
            found = next((name for name in candidates if name in present), None)
            if found is not None and (key != "id" or usual_id):
                chosen[key] = found
    if not {"tokens", "text"} & chosen.keys():
        there = ", ".join(sorted(present)) or "nothing"
        raise UserError(f"{where}: neither tokens nor text; there is: {there}; name them under `columns`")
    return chosen
