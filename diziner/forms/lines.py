"""Lines of text files, whatever ends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar

from diziner.common.errors import UserError
from diziner.common.files import readable

T = TypeVar("T")
_BLOCK = 1 << 16
_LONGEST = 1 << 29  # bytes of a line
_MARK = "\ufeff"  # of byte order


def text_lines(path: Path, ends: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file with their numbers from 1, without line ends and the byte order marks that they
    begin with: files that were put behind one another have some within. With `ends` all is as it stands, but for a mark
    at the very beginning.

    Lines end in LF, with any CRs before it, or, where the file has no LF but at its very end, in CR. Nothing else cuts:
    not a CR within a line of a file with LFs, not U+2028, not U+0085, not a form feed. Read as they are asked for, so
    that a file may be larger than memory.
    Errors: UserError for a file that is missing, cannot be read, is not UTF-8, holds zero bytes, or has a line of
    more than 512 MB.
    """
    before = 0
    with readable(path), path.open("rb") as file:
        for number, raw in enumerate(_raw_lines(file), 1):
            if len(raw) > _LONGEST:
                raise UserError(f"{path}:{number}: a line of more than {_LONGEST >> 20} MB; is it text?")
            try:
                line = raw.decode()
            except UnicodeDecodeError as error:
                error.start += before  # where in the file, not in the line
                raise
            before += len(raw)
            if b"\0" in raw:
                raise UserError(f"{path}:{number}: has a zero byte; is it text, and saved as UTF-8?")
            if line[:1] == _MARK and (number == 1 or not ends):
                line = line.lstrip(_MARK)
            yield number, line if ends else line.removesuffix("\n").rstrip("\r")


def _raw_lines(source: BinaryIO) -> Iterator[bytes]:
    ends_in_cr = _ends_in_cr(source)
    source.seek(0)
    if not ends_in_cr:
        yield from iter(partial(source.readline, _LONGEST + 1), b"")
        return
    rest = b""
    while len(rest) <= _LONGEST and (block := source.read(max(_BLOCK, len(rest)))):
        *whole, rest = (rest + block).split(b"\r")
        yield from (line + b"\r" for line in whole)
    if rest.strip(b"\n"):
        yield rest


def _ends_in_cr(source: BinaryIO) -> bool:
    """Whether a file has CRs, and no LF but at its very end."""
    has_cr = False
    while block := source.read(_BLOCK):
        before, line_end, after = block.partition(b"\n")
        if line_end:
            has_cr = has_cr or b"\r" in before.rstrip(b"\r")
            return has_cr and not after.strip(b"\r\n") and not source.read(1)
        has_cr = has_cr or b"\r" in block
    return has_cr


def peek(source: Iterable[T], size: int) -> tuple[list[T], Iterator[T]]:
    """Return the first so many of some things, and all of them. What cannot be read is said where it stands."""
    rest = iter(source)
    first: list[T] = []
    try:
        for each in rest:
            first.append(each)
            if len(first) >= size:
                break
    except UserError as error:
        if not first:
            raise
        return first, _then_raise(first, error)
    return first, chain(first, rest)


def _then_raise(first: Iterable[T], error: UserError) -> Iterator[T]:
    yield from first
    raise error
