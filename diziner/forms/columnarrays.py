"""Reader of regular column files as arrays, without an object for each token.

What it cannot read, `columnfiles` reads line by line, or refuses: it is this module's measure, and a test holds the one
to the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from diziner.common.files import readable
from diziner.forms.columnfiles import layout_of
from diziner.forms.columnlayout import DOCUMENT_START, ColumnLayout, cells_of, is_header
from diziner.forms.columns import Columns
from diziner.forms.form import Task
from diziner.forms.schemes import OUTSIDE, Style

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.integer[Any]]

_LF, _CR, _BLANK, _HASH, _DASH = 10, 13, 32, 35, 45
# White space of Unicode but ASCII's, as UTF-8: a token of nothing else is a blank one, which others mend.
_WIDE = re.compile(rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80")
_MARK = b"\xef\xbb\xbf"  # of byte order
_OTHER_BLANKS = (b"\t", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f")
_UNFIT = re.compile(r"[\s|\[\]]")
_LETTERS = "OBIES"
_HEADER = 1 << 8  # bytes in which a line that names columns ends
_LARGEST = 1 << 28  # bytes of a file; a larger one is read line by line


class Tagged(NamedTuple):
    """Tokens of a file, a blank after each, with the length of each, how many each document has, and codes of tags."""

    text: str
    lengths: Sequence[int]
    counts: Sequence[int]
    codes: Sequence[int]
    tags: Sequence[str]


class _Lines(NamedTuple):
    """Token lines: where the token and the tag of each begin and end, its number, and whether it begins a sentence."""

    token: Numbers
    token_end: Numbers
    tag: Numbers
    tag_end: Numbers
    number: Numbers
    begins: NDArray[np.bool_]


def read_columns(task: Task) -> Columns | None:
    """Read a column file whose lines are all alike, the token first and the tag last; None for any other.

    Errors: UserError as `columnfiles.column_table`, where lines can be read in two ways.
    """
    import numpy as np

    if task.choices.labels or task.path.stat().st_size > _LARGEST:
        return None
    layout = layout_of(task)
    if layout.token != 0 or layout.tag not in (-1, layout.width - 1) or layout.key or layout.width < 2:
        return None
    with readable(task.path):
        raw = task.path.read_bytes()
    raw = raw.removeprefix(_MARK)
    if is_header(cells_of(raw[:_HEADER].lstrip().split(b"\n", 1)[0].decode(errors="replace").rstrip("\r"))):
        return None
    found = _lines(raw, layout.width)
    if found is None or (not raw.isascii() and (_MARK in raw or _WIDE.search(raw))):
        return None
    tagged = _tags(raw, found, layout)
    text = _text(raw, found)
    if tagged is None or text is None:
        return None
    letters, codes, types = tagged
    spans, repairs = _spans(letters, codes, found.begins, layout.style.scheme == "IOE")
    first = np.flatnonzero(found.begins)
    said = "" if layout.is_usual else str(layout)
    bounds = np.append(first, len(found.token))
    lines = found.number[first]
    ordered, recoded = _ordered(types, codes[spans[0]])
    return Columns(*text, bounds, *spans, recoded, ordered, lines, repairs, said)


def _lines(raw: bytes, width: int) -> _Lines | None:
    """Return the token lines of a file; None unless all have so many cells, apart by one blank or one tab each."""
    import numpy as np

    data = np.frombuffer(raw, dtype=np.uint8)
    separator = b"\t" if b"\t" in raw else b" "
    if not raw or b"\0" in raw or any(code in raw for code in (*_OTHER_BLANKS, b" ") if code != separator):
        return None
    ends = _places(data, _LF)
    if data[-1] != _LF:
        ends = np.append(ends, np.int32(len(data)))
    starts = np.append(np.int32(0), ends[:-1] + np.int32(1))
    if returns := raw.count(b"\r"):
        before = (ends > starts) & (data[np.maximum(ends - 1, 0)] == _CR)
        if int(before.sum()) != returns:
            return None
        ends = ends - before.astype(np.int32)
    full = ends > starts
    first = data[np.minimum(starts, len(data) - 1)]
    if (full & (first == _HASH)).any():
        return None
    marks = np.flatnonzero(full & (first == _DASH))
    kept = full.copy()
    kept[[place for place in marks.tolist() if _is_start(data, int(starts[place]))]] = False
    number = _places(kept, True)
    starts, ends = starts[number], ends[number]
    if not len(starts):
        return None
    cells = _cells(_places(data, ord(separator)), starts, ends, width)
    if cells is None or (cells[0] <= starts).any() or (cells[1] >= ends).any():
        return None
    # A sentence begins after a blank line or a start of a document, whatever stands between it and its first token.
    blank_before = np.cumsum(~kept, dtype=np.int32)[number]
    begins = np.append(True, blank_before[1:] != blank_before[:-1])
    return _Lines(starts, cells[0], cells[1], ends, number + np.int32(1), begins)


def _places(data: NDArray[np.generic], value: object) -> Numbers:
    import numpy as np

    return np.flatnonzero(data == value).astype(np.int32)


def _cells(blanks: Numbers, starts: Numbers, ends: Numbers, width: int) -> tuple[Numbers, Numbers] | None:
    """Return where the first cell of each line ends and the last begins; None if lines have another number of cells."""
    import numpy as np

    if len(blanks) != len(starts) * (width - 1):
        # Lines that are no token's have some too.
        low, high = np.searchsorted(blanks, starts), np.searchsorted(blanks, ends)
        if (high - low != width - 1).any():
            return None
        return blanks[low], blanks[high - 1] + np.int32(1)
    rows = blanks.reshape(len(starts), width - 1)
    if (rows[:, 0] < starts).any() or (rows[:, -1] >= ends).any():
        return None
    return rows[:, 0], rows[:, -1] + np.int32(1)


def _is_start(data: NDArray[np.uint8], start: int) -> bool:
    line = data[start : start + len(DOCUMENT_START) + 1].tobytes()
    return line.split(None, 1)[0] == DOCUMENT_START.encode()


def _tags(raw: bytes, lines: _Lines, layout: ColumnLayout) -> tuple[Numbers, Numbers, list[str]] | None:
    """Return the letter of each line's tag (a place in `_LETTERS`), the code of its label, and the labels."""
    import numpy as np

    letters = np.zeros(len(lines.tag), dtype=np.int8)
    codes = np.full(len(lines.tag), -1, dtype=np.int32)
    data = np.frombuffer(raw, dtype=np.uint8)
    short = lines.tag_end - lines.tag == 1
    plain = short & (data[lines.tag] == ord(OUTSIDE))
    marked = np.flatnonzero(~plain)
    known: dict[bytes, int] = {}
    places = zip(lines.tag[marked].tolist(), lines.tag_end[marked].tolist(), strict=True)
    tags = np.array([known.setdefault(raw[start:end], len(known)) for start, end in places], dtype=np.int64)
    types: dict[str, int] = {}
    try:
        table = _codes([tag.decode() for tag in known], layout.style, types)
    except UnicodeDecodeError:
        return None
    if table is None:
        return None
    if known:
        letters[marked], codes[marked] = table[tags, 0], table[tags, 1]
    return letters, codes, list(types)


def _codes(tags: Sequence[str], style: Style, types: dict[str, int]) -> Numbers | None:
    """Return letter and label of each tag as numbers, and number the labels in `types`; None for a tag that is none."""
    import numpy as np

    read = []
    for tag in tags:
        pair = style.read(tag)
        if pair is None or pair[0] not in _LETTERS or (pair[1] and (_UNFIT.search(pair[1]) or pair[1] == OUTSIDE)):
            return None
        code = types.setdefault(pair[1], len(types)) if pair[1] else -1
        read.append((_LETTERS.index(pair[0]), code))
    return np.array(read, dtype=np.int32).reshape(len(read), 2)


def columns_of(tagged: Tagged, style: Style, said: str, ids: tuple[str, ...]) -> Columns | None:
    """Return tokens and tags as columns; None if a tag is none of the style's."""
    import numpy as np

    types: dict[str, int] = {}
    table = _codes(tagged.tags, style, types)
    if table is None:
        return None
    numbers = np.array(tagged.codes, dtype=np.int32)
    letters, codes = table[numbers, 0], table[numbers, 1]
    lengths = np.array(tagged.lengths, dtype=np.int32)
    starts = np.cumsum(lengths + 1, dtype=np.int32) - lengths - 1
    first = np.append(0, np.cumsum(np.array(tagged.counts, dtype=np.int64)))
    begins = np.zeros(len(numbers), dtype=bool)
    begins[first[:-1]] = True
    spans, repairs = _spans(letters, codes, begins, style.scheme == "IOE")
    lines = np.arange(1, len(first))
    ordered, recoded = _ordered(types, codes[spans[0]])
    return Columns(tagged.text, starts, starts + lengths, first, *spans, recoded, ordered, lines, repairs, said, ids)


def _ordered(types: Iterable[str], codes: Numbers) -> tuple[tuple[str, ...], Numbers]:
    """Return labels in alphabetical order, and codes as places among these."""
    import numpy as np

    listed = list(types)
    ordered = sorted(listed)
    recode = np.array([ordered.index(label) for label in listed] or [0], dtype=np.int64)
    return tuple(ordered), recode[codes]


def _spans(
    letters: Numbers, codes: Numbers, begins: NDArray[np.bool_], is_ioe: bool
) -> tuple[tuple[Numbers, Numbers], int]:
    """Return first tokens of spans and the ends of these, and how many tags were mended.

    A span begins at B and S, where its label begins, and after E or S; as `corpora.decode` has it of tags one by one.
    """
    import numpy as np

    inside = codes >= 0
    before = np.append(np.int32(-1), codes[:-1])
    before[begins] = -1
    closed = np.append(False, letters[:-1] >= _LETTERS.index("E")) & (before >= 0)
    opens = (letters == _LETTERS.index("B")) | (letters == _LETTERS.index("S"))
    goes_on = inside & ~opens
    first = inside & (opens | (before != codes) | closed)
    bounds = np.append(np.flatnonzero(first | ~inside | begins), len(codes))
    starts = np.flatnonzero(first)
    ends = bounds[np.searchsorted(bounds, starts, side="right")]
    if is_ioe:
        return (starts, ends), 0
    again = goes_on & closed & (before == codes)
    # Where nothing but I- opens spans, and B- those that touch one of their type, tags are IOB1.
    needless = (inside & opens & (before != codes)).any()
    opened = int((goes_on & (before != codes)).sum()) if needless else 0
    return (starts, ends), int(again.sum()) + opened


def _text(raw: bytes, lines: _Lines) -> tuple[str, Numbers, Numbers] | None:
    """Return all tokens with a blank after each, and where in it they begin and end."""
    import numpy as np

    data = np.frombuffer(raw + b" ", dtype=np.uint8).copy()
    data[lines.token_end] = _BLANK
    change = np.zeros(len(data) + 1, dtype=np.int8)
    change[lines.token] = 1
    change[lines.token_end + 1] -= 1
    kept = data[np.cumsum(change, dtype=np.int8)[:-1].view(bool)]
    lengths = lines.token_end - lines.token
    starts = np.cumsum(lengths + 1, dtype=np.int32) - lengths - 1
    ends = starts + lengths
    if not raw.isascii():
        followed = np.append(np.int32(0), np.cumsum((kept & 0xC0) == 0x80, dtype=np.int32))
        starts, ends = starts - followed[starts], ends - followed[ends]
    try:
        return kept.tobytes().decode(), starts, ends
    except UnicodeDecodeError:
        return None
