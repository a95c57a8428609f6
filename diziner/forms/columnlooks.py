"""Looks at a text: whether its lines are columns of tokens and tags, or its words carry tags."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diziner.forms.columnfiles import Line, blocks_of, token_lines
from diziner.forms.form import Look
from diziner.forms.schemes import OUTSIDE, are_tags, find_style

_MOST = 0.5
_FEW_LINES = 4  # of which half end in the same words
_LINES_A_TEXT = 3  # of which one holds the tags of another
_MARKED = re.compile(r"[BIESLUMW][-_:/]\S+|\S+[-_:/][BIESLUMW]")
_NARROW = 5  # columns apart by blanks that hold bare labels; wider lines of equal length are sentences of one pattern
_LABEL = re.compile(r"[A-Z][A-Z0-9_.-]*|[-_*]|\d{1,3}")  # PER, OTHER, NNP, _, 0: no word of most texts
_TAG_MARKS = "/|,;_#\\"  # that stand between a word of a text and its tag


def looks_like_columns(look: Look) -> bool:
    """Whether each line has as many cells as the others, two or more, the last or the first of them a tag."""
    return _tag_share(look) == 1


def looks_nearly_like_columns(look: Look) -> bool:
    """Whether most lines look like that, or all have as many cells and these are apart by tabs, or end or begin as
    lines with tags and bare labels do: columns or a table may be meant, and no text."""
    texts = _token_texts(look)
    full = [line for line in texts if line.strip()]
    if len(full) > 1 and all("\t" in line.lstrip() for line in full) and len({line.count("\t") for line in full}) == 1:
        return True
    blocks = [lines for block in blocks_of(_numbered(texts)) if (lines := token_lines(block))]
    lines = [cells for block in blocks for cells in block]
    if len({len(cells) for cells in lines}) == 1 and len(lines[0]) > 1 and len(lines) > 1:
        if all("\t" in line for line in full) or OUTSIDE in {cells[-1] for cells in lines}:
            return True
        in_sentences = len({*map(len, blocks)}) > 1
        if any(_hold_labels(lines, column) for column in (-1, 0)):
            return True
        if len(lines[0]) == 2 and _repeat([cells[-1] for cells in lines], in_sentences):
            return True
    return _tag_share(look) > _MOST


def tagged_word(look: Look) -> str:
    """Return the first word of a text whose words carry tags behind a mark, as Mara/B-PER, or of a
    line of tags below each of its lines; empty if they do not."""
    lines = [line.split() for line in look.lines if line.strip()]
    below = [words for words in lines if are_tags(words)]
    mentions = [tag for tags in below for tag in tags if tag != OUTSIDE]
    if mentions and len(below) * _LINES_A_TEXT >= len(lines):
        return mentions[0]
    words = [word for line in lines for word in line]
    for mark in _TAG_MARKS:
        cut = [word.rpartition(mark) for word in words]
        tags = [tag for word, found, tag in cut if found and word]
        if len(tags) <= _MOST * len(words) or {*tags} == {OUTSIDE}:
            continue
        style = find_style({*tags}, least=_MOST)
        if style is not None and style.joint != "typeless" and (style.scheme != "IO" or OUTSIDE in tags):
            return next(word for word in words if mark in word)
    return ""


def _token_texts(look: Look) -> list[str]:
    """Return the lines of a text that may be tokens, and the blank ones: where half or more have a tab, these alone, as
    others may be marks between sentences."""
    texts = [line for line in look.lines if not line.startswith("#")]
    tabbed = [line for line in texts if "\t" in line or not line.strip()]
    full, cut = (sum(bool(line.strip()) for line in lines) for lines in (texts, tabbed))
    return tabbed if cut and cut >= _MOST * full else texts


def _numbered(texts: Sequence[str]) -> list[Line]:
    return [Line(0, line) for line in texts]


def _hold_labels(lines: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a column holds tags with a letter, or repeats labels that no words of the text look like."""
    found = {cells[column] for cells in lines}
    if any(map(_MARKED.fullmatch, found)):
        return True
    words = {cells[-1 - column] for cells in lines}
    repeats = len(lines[0]) <= _NARROW and len(found) < len(lines) and all(map(_LABEL.fullmatch, found))
    return repeats and any(_LABEL.fullmatch(word) is None for word in words)


def _repeat(column: Sequence[str], in_sentences: bool) -> bool:
    """Whether cells repeat each other so often, or in sentences of some length, that they are no words of a text."""
    few = 1 < len({*column}) <= _MOST * len(column) and len(column) >= _FEW_LINES
    return few or (in_sentences and len({*column}) < len(column))


def _tag_share(look: Look) -> float:
    lines = [cells for block in blocks_of(_numbered(look.lines)) for cells in token_lines(block)]
    shares = [0.0]
    for column in (-1, 0):
        tags = [cells[column] for cells in lines if len(cells) > 1]
        found = [tag for tag in tags if (style := find_style({tag})) and style.joint != "typeless"]
        if any(tag not in ("O", "o") for tag in found) or len(found) == len(lines):
            shares.append(len(found) / len(lines) if lines else 0)
    return max(shares)
