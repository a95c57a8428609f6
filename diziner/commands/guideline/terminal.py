"""Change of a guideline on a terminal: two columns where there is room, else one below the other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from diziner.commands.guideline.wording import caused_by, headline, joint_label, label, printable, title
from diziner.guideline.changes import MODIFIED, NEW, REMOVED, RETAINED, GuidelineChange, LineChange
from diziner.guideline.word_edits import Edit

Piece = tuple[str, str]  # a style ("=", "-", "+", "dim", "head") and text
Row = list[Piece]

TWO_COLUMNS = 110  # from this width on, the versions stand side by side
_NARROWEST = 40
_SIGNS = {RETAINED: " ", MODIFIED: "~", NEW: "+", REMOVED: "-"}
_MARKS = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
_COLOURS = {"-": "31", "+": "32", "dim": "2", "head": "1"}


def change_text(change: GuidelineChange, width: int, colour: bool = False, everything: bool = False) -> str:
    """Return rows of at most `width` columns; words taken out stand as [-word-], new ones as {+word+}.

    Instructions are shown all, of other blocks only what changed, unless `everything` is wanted.
    """
    width = max(width, _NARROWEST)
    rows: list[Row] = [[("head", headline(change))]]
    for block in change.blocks:
        shown = [line for line in block.lines if everything or line.changed or block.part == "instructions"]
        hidden = len(block.lines) - len(shown)
        note = f"  {hidden} line{'s' if hidden > 1 else ''} unchanged" if hidden else ""
        rows += [[], [("head", title(block)), ("dim", note)]]
        for line in shown:
            rows += _side_by_side(line, (width - 7) // 2) if width >= TWO_COLUMNS else _unified(line, width - 2)
    return "".join(f"{''.join(_painted(piece, colour) for piece in row).rstrip()}\n" for row in rows)


def _unified(change: LineChange, width: int) -> Iterator[Row]:
    depth = change.line.depth
    text = _indented([("head", joint_label(change)), *_marked(change.edits), *_moved(change)], depth, width)
    sign = _SIGNS[change.status]
    for number, row in enumerate([*text, *_cause(change, depth, width)]):
        yield [(_style(sign), f"{' ' if number else sign} "), *row]


def _side_by_side(change: LineChange, half: int) -> Iterator[Row]:
    depth = change.line.depth
    left: list[Row] = []
    right: list[Row] = []
    if change.before:
        kept = [edit for edit in change.edits if edit.mark != "+"]
        left = _indented([("head", label(change.before)), *_marked(kept, change.status)], depth, half)
    if change.after:
        kept = [edit for edit in change.edits if edit.mark != "-"]
        pieces = [("head", label(change.after)), *_marked(kept, change.status), *_moved(change)]
        right = [*_indented(pieces, depth, half), *_cause(change, depth, half)]
    sign = _SIGNS[change.status]
    empty: Row = []
    for number, (old, new) in enumerate(zip_longest(left, right, fillvalue=empty)):
        gap = " " * (half - sum(_columns(text) for _, text in old))
        yield [(_style(sign), f"{' ' if number else sign} "), *old, ("dim", f"{gap} │ "), *new]


def _marked(edits: Sequence[Edit], status: str = MODIFIED) -> list[Piece]:
    # A line that is new or removed as a whole needs no marks within.
    if status != MODIFIED or (len(edits) == 1):
        return [(edit.mark, edit.text) for edit in edits]
    return [(mark, _MARKS[mark].format(_visible(text, mark))) for mark, text in edits]


def _visible(text: str, mark: str) -> str:
    """Return where white space is all that changed, signs for it."""
    return re.sub(r"\s", "␣", text.replace("\n", "⏎")) if mark != "=" and text.isspace() else text


def _moved(change: LineChange) -> list[Piece]:
    return [("dim", " (moved)")] if change.moved else []


def _cause(change: LineChange, depth: int, width: int) -> list[Row]:
    cause = caused_by(change)
    return _indented([("dim", f"↳ {cause}")], depth + 1, width) if cause else []


def _indented(pieces: Sequence[Piece], depth: int, width: int) -> list[Row]:
    indent = 2 * depth
    rows = _wrapped(pieces, width - indent - 2)
    return [[("=", " " * (indent if not number else indent + 2)), *row] for number, row in enumerate(rows)]


def _wrapped(pieces: Sequence[Piece], width: int) -> list[Row]:
    """Return pieces broken at spaces, and within words that are longer than a row."""
    words: list[Row] = [[]]
    for style, text in pieces:
        for part in re.split(r"(\s+)", text):
            if not part or part.isspace():
                words += [[]] if part else []
                continue
            chunks = [part[start : start + width] for start in range(0, len(part), width)]
            words[-1].append((style, chunks[0]))
            words += [[(style, chunk)] for chunk in chunks[1:]]
    rows: list[Row] = [[]]
    used = 0
    for word in filter(None, words):
        size = sum(_columns(text) for _, text in word)
        if used and used + 1 + size > width:
            rows.append([])
            used = 0
        if used:
            # The space within a change has its style.
            rows[-1].append((word[0][0] if word[0][0] == rows[-1][-1][0] else "=", " "))
        rows[-1] += word
        used += size + bool(used)
    return rows


def _columns(text: str) -> int:
    """Count the columns of a terminal that a text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def _style(sign: str) -> str:
    return sign if sign in _COLOURS else "="


def _painted(piece: Piece, colour: bool) -> str:
    style, text = piece[0], printable(piece[1])
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if colour and style in _COLOURS and text.strip() else text
