"""Layout of column files: which column holds the token, which the tag, in which scheme."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from diziner.common.errors import UserError
from diziner.common.wholenumbers import whole_number
from diziner.common.words import counted
from diziner.forms.choices import Choices
from diziner.forms.schemes import BIO, OUTSIDE, Style, find_style, require_one_each, require_style

DOCUMENT_START = "-DOCSTART-"
# How tables call the columns of tokens and of tags.
TOKEN_NAMES = ("word", "token", "words", "tokens", "form")
TAG_NAMES = ("tag", "ner_tag", "ner", "label", "tags", "ner_tags", "labels", "entity", "ne", "bio", "iob")
_LIKE_TAGS = re.compile(r"ne[-_]|ner[-_]|bio[-_]|iob[-_]")  # NE-COARSE-LIT, ner_fine
_BLANKS = re.compile(r"[ \t]+")
_SMALL = re.compile(r"[^\W\d_A-Z]")  # a letter that is no capital of ASCII
_WIDE_BLANK = re.compile(r"\S[^\S \t]+\S")
# Labels of phrases: where two columns hold tags, as in CoNLL-2003, such a one holds chunks and no mentions.
_CHUNKS = {"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "NC", "VC", "PC", "AC", "CP"}
_INDEX = re.compile(r"\d+(?:[-.]\d+)?")
_NUMBERED = re.compile(r"[A-Za-z]{0,4}[-_.]?\d+(?:[-_.:]\d+)*\.?")  # 1, s1, T12, 1., w1.2: of tokens or sentences
_MOST = 0.5  # of a column's cells, O aside, are tags: the others are wrong
_FEW = 6  # different values, O among them, of a column of bare labels in a small file
_FEWEST_PAIRS = 3  # of lines that tell whether the first column repeats itself
MISC = 9  # the column of CoNLL-U that holds key=value pairs

Cells = list[str]


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """Layout of a file's lines: `width` cells, of which `token` and `tag` (None: no tags) are read.

    `key`: the tag is the value of this key in column `tag`, as in CoNLL-U's MISC. `index`: the first column numbers
    tokens, and lines of several numbers (1-2) or of none (1.1) are no tokens. `numbered`: tags are numbers, `style` is
    that of their names. `unread`: where tags stand that are not asked for; they tell comments from tokens.
    """

    width: int
    token: int
    tag: int | None = None
    style: Style = BIO
    key: str = ""
    index: bool = False
    numbered: bool = False
    unread: int | None = None

    def __str__(self) -> str:
        where = f"column {self.tag}" + (f", key {self.key}" if self.key else "")
        return f"tokens of column {self.token}" + ("" if self.tag is None else f", {self.style} tags of {where}")

    @property
    def is_usual(self) -> bool:
        """Whether this is what most would expect: the token first, the tag last."""
        return self.token == 0 and self.tag in (None, -1, self.width - 1) and self.style.is_usual and not self.key


def cells_of(line: str) -> Cells:
    """Cut a line at its tabs, or at blanks if it has none; nothing else cuts. Empty cells at its end are left out.

    >>> cells_of("New York\\tB-LOC\\t"), cells_of("10\\xa0000  O "), cells_of("\\tO"), cells_of(" O")
    (['New York', 'B-LOC'], ['10\\xa0000', 'O'], ['', 'O'], ['', 'O'])
    """
    cells = [cell.strip(" ") for cell in line.split("\t")] if "\t" in line else _BLANKS.split(line.rstrip(" "))
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    return cells


def find_layout(
    sentences: Sequence[Sequence[Cells]], choices: Choices, where: str, *, known: bool, tagged: bool | None
) -> ColumnLayout:
    """Find the layout of sentences, which are lists of lines in cells.

    `known`: an index column is no surprise (CoNLL-U, .iob2). `tagged`: there must be tags (True), there may be (None),
    they are not looked at (False).

    Errors: UserError where lines can be read in two ways, or have no tags where some must be, with the option that
    decides.
    """
    lines = [cells for sentence in sentences for cells in sentence]
    if not lines:
        return ColumnLayout(1, 0)
    named = choices.columns
    widths = Counter(map(len, lines))
    width = max(widths, key=lambda each: (widths[each], each), default=1)
    kept = [[cells for cells in sentence if len(cells) == width] for sentence in sentences]
    columns = list(zip(*(cells for sentence in kept for cells in sentence), strict=True)) or [()] * width
    if width == 1 and sum(_WIDE_BLANK.search(cells[0]) is not None for cells in lines) * 2 > len(lines):
        raise UserError(f"{where}: columns are apart by white space that is no blank and no tab; put tabs in its place")
    if width > 2 and "tokens" not in named and not any(columns[0]):
        raise UserError(
            f"{where}: column 0 is empty in each line; say which columns hold token and tag: --columns "
            f"token=1,tag={width - 1} (columns from 0)"
        )
    index = _has_index(kept, width)
    # In lines such as 3-4 and 3.1 tags may be empty: they are no tokens.
    if index and known:
        kept = [[cells for cells in sentence if cells[0].isdecimal()] for sentence in kept]
    columns = list(zip(*(cells for sentence in kept for cells in sentence), strict=True)) or [()] * width
    first = index or (not known and _has_sentences(kept, width))  # is a column that holds no tokens, it seems
    tag, style, key = _named_tag(named, columns, choices, where)
    if tag is None and "tags" not in named and tagged is not False and width > 1:
        tag, style, key = _find_tag(columns, choices, where, known, first, needed=tagged is True)
    if tag is None and tagged:
        raise UserError(f"{where}: one column, so no tags; labels need a second one")
    unread = None
    if tag is None and tagged is False and width > 1:
        unread, style = _unread_tag(columns, choices, where, known, first)
        if unread is None and "tokens" not in named and _hold_texts(columns[0]):
            raise UserError(
                f"{where}: column 0 holds several words in most lines: a table of texts needs a header in its first "
                "line, such as text<tab>source; if these are tokens: --columns token=0"
            )
    token = _token(named, width, unread if tag is None else tag, where, index=first, known=known)
    if token == 0 and "tokens" not in named and (other := _words_elsewhere(columns, tag)):
        raise UserError(
            f"{where}: column 0 repeats a few words in capitals, as parts of speech are written, and column {other} "
            f"has more: say which are the tokens: --columns token={other},tag={width - 1 if tag is None else tag} "
            "(columns from 0)"
        )
    numbered = bool(choices.labels) and not key
    return ColumnLayout(width, token, tag, style or BIO, key, index and known and token != 0, numbered, unread)


def _unread_tag(
    columns: Sequence[Sequence[str]], choices: Choices, where: str, known: bool, index: bool
) -> tuple[int | None, Style | None]:
    """Return the column of tags that nobody asked for, and their style; None where none can be told."""
    try:
        tag, style, key = _find_tag(columns, choices, where, known, index, needed=False)
    except UserError:
        return None, None
    return (None, None) if key else (tag, style)


def _hold_texts(column: Sequence[str]) -> bool:
    return sum(" " in cell for cell in column) * 2 > len(column)


def _named_tag(
    named: Mapping[str, str | int], columns: Sequence[Sequence[str]], choices: Choices, where: str
) -> tuple[int | None, Style | None, str]:
    column = named.get("tags")
    if isinstance(column, str):
        if len(columns) <= MISC:
            raise UserError(
                f"{where}: --columns tag={column}: columns have numbers, from 0; only CoNLL-U has names, those of MISC"
            )
        return MISC, require_style(misc_tags(columns[MISC], column), choices.scheme, where), column
    if column is None:
        return None, None, ""
    if not -len(columns) <= column < len(columns):
        raise UserError(f"{where}: --columns tag={column}: the file has {counted(len(columns), 'column')}, from 0")
    if choices.labels:
        return column, require_style(choices.labels, choices.scheme, where), ""
    return column, require_style(columns[column], choices.scheme, where), ""


def _find_tag(
    columns: Sequence[Sequence[str]], choices: Choices, where: str, known: bool, index: bool, needed: bool
) -> tuple[int | None, Style | None, str]:
    last = len(columns) - 1
    if choices.labels:
        return last, require_style(choices.labels, choices.scheme, where), ""
    styles = {number: find_style(set(column), choices.scheme) for number, column in enumerate(columns)}
    marked = {
        number: style
        for number, style in styles.items()
        if style is not None and style.scheme != "IO" and not _is_plain(columns[number])
    }
    if last == MISC and MISC not in marked:
        keys = _misc_keys(columns[MISC], choices.scheme)
        if len(keys) > 1:
            raise UserError(f"{where}: MISC has tags under {' and '.join(keys)}; say which: --columns tag={min(keys)}")
        if keys:
            [(key, style)] = keys.items()
            return MISC, style, key
        if not marked:
            if needed:
                raise UserError(f"{where}: no tags in a column or in MISC; --columns tag=KEY names a key of MISC")
            return None, None, ""
    if len(marked) > 1:
        chunks = {number for number in marked if _labels(columns[number], marked[number]) <= _CHUNKS}
        marked = {number: style for number, style in marked.items() if number not in chunks} or marked
    beyond = [each for each in range(last, 0, -1) if each not in marked and _may_be_tags(columns[each], styles[each])]
    if len(marked) > 1 or (marked and max(marked) < last and beyond and beyond[0] > max(marked)):
        both = sorted({*marked, *beyond[: len(marked) == 1]})
        token = 1 if index else 0
        raise UserError(
            f"{where}: columns {' and '.join(map(str, both))} both hold tags; say which to read: "
            f"--columns token={token},tag={both[0]} (columns from 0)"
        )
    if marked:
        [(number, style)] = marked.items()
        require_one_each({*columns[number]}, style, where)
        return number, style, ""
    if _is_plain(columns[last]):
        return last, styles[last], ""
    bare = [number for number, style in styles.items() if style is not None and _has_few_labels(columns[number])]
    if last in bare and (last == 1 or len(bare) == 1):
        return last, styles[last], ""
    # A few cells that are no tags are said with their rows.
    found = {number: find_style(column, choices.scheme, _MOST) for number, column in enumerate(columns)}
    mostly = [
        (number, each) for number, each in found.items() if each and each.scheme != "IO" and each.joint != "typeless"
    ]
    if len(mostly) == 1 and not choices.scheme:
        return *mostly[0], ""
    if known and not needed:
        return None, None, ""
    style = require_style(columns[last], choices.scheme, where)
    if style.scheme == "IO" and not choices.scheme:
        raise UserError(
            f"{where}: column {last} has {len(set(columns[last]))} different values, O among them; if they are bare "
            "labels: --scheme IO; --columns tag=N names another column"
        )
    return last, style, ""


def _token(named: Mapping[str, str | int], width: int, tag: int | None, where: str, *, index: bool, known: bool) -> int:
    token = named.get("tokens")
    if isinstance(token, str):
        raise UserError(f"{where}: --columns token={token}: columns of such a file have numbers, from 0")
    if token is not None:
        if not -width <= token < width:
            raise UserError(f"{where}: --columns token={token}: the file has {counted(width, 'column')}, from 0")
        return token
    if index and known:
        return 1
    suggested = "" if tag is None else f",tag={tag}"
    if index:
        raise UserError(
            f"{where}: column 0 numbers the tokens or their sentences, or holds the tokens themselves; say which: "
            f"--columns token=1{suggested}, or token=0{suggested} (columns from 0)"
        )
    if tag == 0:
        if width == 2:
            return 1
        raise UserError(f"{where}: tags are in column 0; say where tokens are: --columns token=1,tag=0")
    return 0


def _has_index(sentences: Sequence[Sequence[Cells]], width: int) -> bool:
    """Whether the first of several columns counts the tokens of each sentence, from 1 or 0."""
    if width < 2 or not any(sentences):
        return False
    for sentence in sentences:
        numbers = [cells[0] for cells in sentence]
        if not all(map(_INDEX.fullmatch, numbers)):
            return False
        whole = [whole_number(number) for number in numbers if number.isdecimal()]
        if whole and (whole[0] not in (0, 1) or whole != list(range(whole[0], whole[0] + len(whole)))):
            return False
    return width > 2 or any(len(sentence) > 1 for sentence in sentences)


def _has_sentences(sentences: Sequence[Sequence[Cells]], width: int) -> bool:
    """Whether the first of three columns or more says of each token which it is, or of which sentence: numbers alone,
    also with a letter or two, or names that are the same from line to line more often than not."""
    first = [[cells[0] for cells in sentence] for sentence in sentences]
    if width < 3 or sum(map(len, first)) < 2:
        return False
    pairs = [one == other for column in first for one, other in pairwise(column)]
    numbered = all(_NUMBERED.fullmatch(cell) for column in first for cell in column)
    return numbered or (len(pairs) >= _FEWEST_PAIRS and sum(pairs) * 2 > len(pairs))


def is_header(cells: Cells) -> bool:
    """Whether a line names columns, of tokens and of tags anywhere behind it, as tables do."""
    names = [cell.lower() for cell in cells]
    token = next((place for place, name in enumerate(names) if name in TOKEN_NAMES), len(names))
    return any(each in TAG_NAMES or _LIKE_TAGS.match(each) for each in names[token + 1 :])


def _may_be_tags(column: Sequence[str], style: Style | None) -> bool:
    """Whether a column without marked tags is O alone, or O and a few bare labels."""
    return _is_plain(column) or (style is not None and style.scheme == "IO" and _has_few_labels(column))


def _words_elsewhere(columns: Sequence[Sequence[str]], tag: int | None) -> int:
    """Return the column of words where the first one repeats a few marks in capitals and another, no tags, has more
    values, in small letters; 0 where there is none."""
    first = {*columns[0]}
    if len(first) == len(columns[0]) or any(map(_SMALL.search, first)) or not any(map(str.isalpha, first)):
        return 0
    last = len(columns) - 1
    others = [number for number in range(1, len(columns)) if number != (last if tag is None else tag % len(columns))]
    return next(
        (each for each in others if len({*columns[each]}) > len(first) and any(map(_SMALL.search, columns[each]))), 0
    )


def _is_plain(column: Sequence[str]) -> bool:
    return set(column) <= {OUTSIDE} or set(column) <= {OUTSIDE.lower()}


def _has_few_labels(column: Sequence[str]) -> bool:
    """Whether bare labels are so few that each stands for a type: lemmas and words, O among them, are many."""
    return 1 < len(set(column)) <= max(_FEW, len(column) // 10)


def _labels(column: Sequence[str], style: Style) -> set[str]:
    pairs = [style.read(tag) for tag in set(column)]
    return {pair[1] for pair in pairs if pair and pair[1]}


def _misc_keys(column: Sequence[str], scheme: str) -> dict[str, Style]:
    """Return the keys of MISC whose values are tags."""
    keys = {pair.partition("=")[0] for cell in set(column) for pair in cell.split("|") if "=" in pair}
    found = {}
    for key in sorted(keys):
        tags = misc_tags(column, key)
        style = find_style(set(tags), scheme)
        if style is not None and style.scheme != "IO" and not (style.joint == "typeless" and not scheme):
            found[key] = style
    return {key: style for key, style in found.items() if not _is_plain(misc_tags(column, key))} or found


def misc_tags(column: Sequence[str], key: str) -> list[str]:
    """Return the values of a key in cells of MISC, O where it is not there.

    >>> misc_tags(["NER=B-PER|SpaceAfter=No", "_"], "NER")
    ['B-PER', 'O']
    """
    start = f"{key}="
    return [
        next((pair.removeprefix(start) for pair in cell.split("|") if pair.startswith(start)), OUTSIDE)
        for cell in column
    ]
