"""Reader of tables as labelled documents: ids, bad rows, repairs."""

from __future__ import annotations

import json
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import dump_line
from diziner.common.words import counted
from diziner.corpora.corpus import Labelled
from diziner.corpora.decode import Decoded, Decoder
from diziner.forms.choices import Choices
from diziner.forms.jsonrows import DISCONTINUOUS
from diziner.forms.rows import Row, Table, Unreadable
from diziner.records.documents import Document


class Reader:
    """Reads the tables of one corpus, over all of which ids are unique.

    `repairs` counts what was mended so far, among it `overlapping` and `discontinuous` spans that were left out;
    `rejected` has the bad rows (where, reason, row) if they are skipped, else the first one raises.
    """

    def __init__(self, name: str, skip: bool) -> None:
        self.repairs = 0
        self.overlapping = 0
        self.discontinuous = 0
        self.rejected: list[dict[str, object]] = []
        self._name = name
        self._skip = skip
        self._places: dict[str, str] = {}

    def read(self, table: Table, decoder: Decoder) -> list[Labelled]:
        """Return the good rows of a table, in order. Ids are the rows' own, else made of name, split and index.

        Raises:
            UserError: a row is bad, or has an id that occurred before, and bad rows are not skipped.
        """
        documents, decoded = [], []
        for index, row in enumerate(table.rows):
            try:
                item = _decode(decoder, row)
                identifier = self._claim(item.id or f"{self._name}-{table.split}-{index:05d}", row.where)
            except UserError as error:
                if not self._skip:
                    raise
                reason = str(error).removeprefix(f"{row.where}: ")
                raw = row.raw if isinstance(row, Unreadable) else row.value
                self.rejected.append({"where": row.where, "reason": reason, "row": _storable(raw)})
            else:
                decoded.append(item)
                document = Document(identifier, item.tokens, item.text)
                documents.append(Labelled(document, item.spans, item.characters, item.own_tokens))
        self.repairs += _repairs(decoded) + table.repairs.total()
        self.overlapping += sum(item.overlapping for item in decoded)
        self.discontinuous += table.repairs[DISCONTINUOUS]
        return documents

    def _claim(self, identifier: str, where: str) -> str:
        if identifier in self._places:
            raise UserError(f"{where}: id {identifier!r} is also at {self._places[identifier]}")
        self._places[identifier] = where
        return identifier


def require_flat(reader: Reader, path: Path, choices: Choices) -> None:
    """Refuse, unless --drop was given, spans that were left out as others overlap them or they have gaps."""
    found = [
        counted(number, f"{kind} span")
        for number, kind in ((reader.overlapping, "nested or overlapping"), (reader.discontinuous, "discontinuous"))
        if number
    ]
    if found and not choices.drop:
        raise UserError(
            f"{path}: {' and '.join(found)}: documents here have flat spans without gaps; --drop leaves these out, the "
            "longest of overlapping ones stay, --nested keeps what overlaps"
        )


def _decode(decoder: Decoder, row: Row | Unreadable) -> Decoded:
    if isinstance(row, Unreadable):
        raise UserError(f"{row.where}: {row.reason}")
    return decoder.decode(row)


def _storable(raw: object) -> object:
    """Return a bad row as it can be written to a file: as it is, or as ASCII JSON if it holds what UTF-8 or JSON
    cannot (half surrogate pairs, NaN)."""
    try:
        dump_line(raw).encode()
    except ValueError:
        return json.dumps(raw)
    return raw


def _repairs(decoded: list[Decoded]) -> int:
    # In IOB1 an I- opens every span but those that touch one of their type: nothing was mended there.
    is_iob1 = not any(item.opened_by_b for item in decoded)
    return sum(item.repairs + (0 if is_iob1 else item.opened_by_i) for item in decoded)
