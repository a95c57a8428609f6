"""XML files: the one door by which they are read, a piece in memory at a time, with limits.

Entities that a file declares itself are refused: a few lines of them stand for gigabytes, or for other files. Those
that it leaves to a document type elsewhere are refused where they are used, since nothing else is ever fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from diziner.common.errors import UserError
from diziner.common.files import readable

DEEPEST = 200  # elements within elements
LONGEST = 2**28  # characters of what is given out as one piece
_LONGEST_TAG = 2**24  # bytes of a tag or a comment
_BLOCK = 1 << 16


def xml_elements(path: Path, name: str | None = None) -> Iterator[Element]:
    """Yield the elements of a name, each with all that is in it, not those inside one another; None for the whole.

    Errors: UserError for a file that is missing, no XML, cut, or beyond a limit.
    """
    reader = _Reader(name)
    with readable(path), path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                reader.feed(block)
                yield from reader.given()
            reader.end_of_file()
            yield from reader.given()
        except (expat.ExpatError, LookupError) as error:  # LookupError: of an encoding that nobody knows
            raise UserError(f"{path}: not XML: {error}") from None
        except _XmlError as error:
            raise UserError(f"{path}:{reader.line}: {error}") from None


def xml_root(path: Path) -> Element:
    """Return all of a file as its outermost element. Errors: as `xml_elements`."""
    [root] = xml_elements(path)
    return root


class _XmlError(Exception):
    """Refusal of XML that is well formed, such as one with entities of its own."""


class _Reader:
    """Builds the elements of a name, and nothing beside them, from what a parser says."""

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        self._parser.EntityDeclHandler = self._declared
        self._parser.SkippedEntityHandler = self._skipped
        self._read = self._depth = self._from = self._length = 0
        self._builder: TreeBuilder | None = None
        self._made: list[Element] = []

    @property
    def line(self) -> int:
        """The number of the line that was come to."""
        return self._parser.CurrentLineNumber

    def feed(self, block: bytes) -> None:
        """Read on."""
        self._parser.Parse(block, False)
        self._read += len(block)
        if self._read - max(self._parser.CurrentByteIndex, 0) > _LONGEST_TAG:
            raise _XmlError(f"a tag or comment of more than {_LONGEST_TAG >> 20} MB")

    def end_of_file(self) -> None:
        """Say that there is no more. Errors: ExpatError if there should be."""
        self._parser.Parse(b"", True)

    def given(self) -> list[Element]:
        """Return the elements that were completed since this was asked."""
        made, self._made = self._made, []
        return made

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _XmlError(f"nested too deeply, more than {DEEPEST} deep")
        if self._builder is None and self._name in (None, name):
            self._builder, self._from, self._length = TreeBuilder(), self._depth, 0
        if self._builder is not None:
            self._builder.start(name, dict(attributes))
            self._grow(len(name) + sum(map(len, attributes.values())))

    def _end(self, name: str) -> None:
        if self._builder is not None:
            self._builder.end(name)
            if self._depth == self._from:
                made: Any = self._builder.close()
                self._made.append(made)
                self._builder = None
        self._depth -= 1

    def _data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)
            self._grow(len(text))

    def _grow(self, length: int) -> None:
        self._length += length
        if self._length > LONGEST:
            raise _XmlError(f"an element of more than {LONGEST >> 20} million characters")

    def _declared(self, name: str, *_: object) -> NoReturn:
        raise _XmlError(f"declares the entity {name[:40]!r}; write out what it stands for")

    def _skipped(self, name: str, *_: object) -> NoReturn:
        raise _XmlError(f"entity {name[:40]!r} is not known here; write out what it stands for")
