"""Stream of JSON values out of a file, a block of it in memory at a time."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from diziner.common.jsontext import LONGEST, JsonError, row_at

_BLOCK = 1 << 20
_SLACK = 16  # characters before the end of what was read, where an error may be only that more is to come
_OPEN = "Unterminated string"
_BLANKS = re.compile(r"[ \t\r\n]+")


class Member(NamedTuple):
    """One thing in an object: the value under a key, or, with its number from 0, an entry of the list there."""

    key: str
    number: int | None
    value: Any


class JsonStream:
    """Text of a binary file in UTF-8 with a place in it. Errors of all: JsonError, UnicodeDecodeError."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._read = 0  # bytes
        self._text = ""
        self._at = 0
        self._grow()
        self._text = self._text.removeprefix("\ufeff")

    def next(self) -> str:
        """Return the next character that is no blank, and stay before it; "" at the end."""
        while True:
            if blanks := _BLANKS.match(self._text, self._at):
                self._at = blanks.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow():
                return ""

    def take(self, character: str) -> None:
        """Go behind the next character that is no blank, which must be this one."""
        if self.next() != character:
            raise JsonError(f"Expecting {character!r}")
        self._at += 1

    def value(self) -> Any:
        """Return the next value, and go behind it."""
        self.next()
        while True:
            try:
                value, end = row_at(self._text, self._at)
            except JsonError as error:
                cut = error.reason.startswith(_OPEN) or error.at >= len(self._text) - _SLACK
                # Without a column it is nothing that more of the file would mend.
                if not error.column or not cut or not self._grow():
                    raise
                continue
            if end == len(self._text) and self._grow():
                continue  # a number that goes on
            self._at = end
            return value

    def entries(self) -> Iterator[Any]:
        """Yield the entries of the list that comes next, and go behind it."""
        self.take("[")
        if self.next() != "]":
            yield self.value()
        while (character := self.next()) != "]":
            if not character:
                raise JsonError("the array is not closed")
            self.take(",")
            yield self.value()
        self._at += 1

    def members(self) -> Iterator[Member]:
        """Yield what is in the object that comes next, and go behind it."""
        self.take("{")
        seen: set[str] = set()
        while self.next() != "}":
            if seen:
                self.take(",")
            if self.next() != '"':
                raise JsonError("Expecting property name enclosed in double quotes")
            key = self.value()
            if key in seen:
                raise JsonError(f"the key {key[:60]!r} is given twice")
            seen.add(key)
            self.take(":")
            if self.next() == "[":
                for number, entry in enumerate(self.entries()):
                    yield Member(key, number, entry)
            else:
                yield Member(key, None, self.value())
        self._at += 1

    def rest(self, longest: int) -> str:
        """Return so many of the next characters, without blanks around them."""
        self.next()
        return self._text[self._at :][:longest].strip()

    def _grow(self) -> bool:
        """Read on; returns whether there was more."""
        held = len(self._text) - self._at
        if held > LONGEST:
            raise JsonError(f"longer than {LONGEST} characters")
        before = len(self._decoder.getstate()[0])
        data = self._file.read(max(_BLOCK, held))
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            error.start += self._read - before  # where in the file, not in the block
            raise
        self._read += len(data)
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(data)
