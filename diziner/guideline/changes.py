"""Changes between two versions of a guideline: lines retained, modified, added and removed, word by word."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from diziner.guideline.lines import PARTS, Line, guideline_lines
from diziner.guideline.word_edits import Edit, common_words, word_edits
from diziner.records.guideline import Guideline

RETAINED, MODIFIED, NEW, REMOVED = STATUSES = ("retained", "modified", "new", "removed")
ALIKE = 0.6  # share of common words from which a line that lost its name is taken for another version of a line


@dataclass(frozen=True, slots=True)
class LineChange:
    """Change of a line. `before` is None for a new line, `after` for a removed one.

    `edits` lead from one text to the other: the texts of "=" and "-" joined give the one before, those of "="
    and "+" the one after. `moved`: it stands at another place among the lines of its block that stayed.
    """

    status: str  # retained | modified | new | removed
    before: Line | None
    after: Line | None
    edits: tuple[Edit, ...] = ()
    moved: bool = False

    @property
    def changed(self) -> bool:
        return self.moved or self.status != RETAINED

    @property
    def line(self) -> Line:
        """The line after, or the one before where it was removed."""
        line = self.after or self.before
        if line is None:
            raise ValueError("a change of no line")
        return line


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one part of the guideline: goal, types, examples, agreed, instructions, choices or left_out.

    `annotator` is whom instructions are for, "" for everyone's. Lines are in the order of the version after;
    removed ones follow the line that they followed.
    """

    part: str
    lines: tuple[LineChange, ...]
    annotator: str = ""

    @property
    def changed(self) -> bool:
        return any(line.changed for line in self.lines)


@dataclass(frozen=True, slots=True)
class GuidelineChange:
    """All blocks of two versions, in reading order; blocks without a line in either are left out."""

    before: Guideline
    after: Guideline
    blocks: tuple[Block, ...]

    @property
    def changed(self) -> bool:
        """Whether anything differs that is said to an annotator or to the supervisor; receipts and the round's
        number are said to neither."""
        return any(block.changed for block in self.blocks)

    def counts(self) -> dict[str, int]:
        """Return lines by status, and under "moved" those that stand elsewhere."""
        lines = [line for block in self.blocks for line in block.lines]
        found = Counter(line.status for line in lines)
        return {**{status: found[status] for status in STATUSES}, "moved": sum(line.moved for line in lines)}


def compare_guidelines(before: Guideline, after: Guideline) -> GuidelineChange:
    """Compare two versions of a guideline.

    Lines belong together by name (an instruction's id, a label, a section of the goal); then by equal text;
    then, within a block, by at least `ALIKE` common words (an instruction that was replaced, a sentence that was
    corrected). Receipts do not count as a change.
    """
    old, new = guideline_lines(before), guideline_lines(after)
    # In either of them, the parts stand in reading order and the annotators sorted.
    keys = sorted({*old, *new}, key=lambda key: (PARTS.index(key[0]), key[1]))
    blocks = [Block(part, _changes(old.get((part, name), ()), new.get((part, name), ())), name) for part, name in keys]
    return GuidelineChange(before, after, tuple(block for block in blocks if block.lines))


def _changes(old: Sequence[Line], new: Sequence[Line]) -> tuple[LineChange, ...]:
    pairs = _pairs(old, new)
    stay = _in_order([pairs[j] for j in sorted(pairs)])
    places: list[tuple[tuple[int, int, int], LineChange]] = []
    for j, line in enumerate(new):
        if j not in pairs:
            places.append(((j, 0, 0), LineChange(NEW, None, line, (Edit("+", line.text),))))
            continue
        was = old[pairs[j]]
        moved = pairs[j] not in stay or was.depth != line.depth
        # The name of an example is its instruction's, whose own line shows another id.
        same = was.parts == line.parts and (was.name == line.name or line.kind == "example")
        edits = word_edits(was.text, line.text)
        places.append(((j, 0, 0), LineChange(RETAINED if same else MODIFIED, was, line, edits, moved)))
    ends = {i: j for j, i in pairs.items()}
    last = -1
    for i, line in enumerate(old):
        last = ends.get(i, last)
        if i not in ends:
            places.append(((last, 1, i), LineChange(REMOVED, line, None, (Edit("-", line.text),))))
    return tuple(change for _, change in sorted(places, key=lambda place: place[0]))


def _pairs(old: Sequence[Line], new: Sequence[Line]) -> dict[int, int]:
    """Return which line of `new` (by position) is a version of which of `old`."""
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for keys in (_by_name, _by_parts):
        free = {key: i for i, key in enumerate(keys(old)) if i not in taken}
        for j, key in enumerate(keys(new)):
            if j not in pairs and key in free:
                pairs[j] = free.pop(key)
        taken = set(pairs.values())
    alike = sorted(
        (-share, i, j)
        for i, was in enumerate(old)
        if i not in taken
        for j, line in enumerate(new)
        if j not in pairs and was.kind == line.kind
        if (share := common_words(was.text, line.text)) >= ALIKE
    )
    for _, i, j in alike:
        if i not in taken and j not in pairs:
            pairs[j] = i
            taken.add(i)
    return pairs


def _by_name(lines: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    # Lines that share a name (examples of one instruction) are told apart by their first part, then by number.
    single = {"goal", "type", "definition", "agreed", "instruction", "choice", "annotator"}
    return _numbered((line.kind, line.name, "" if line.kind in single else line.parts[0]) for line in lines)


def _by_parts(lines: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    return _numbered((line.kind, line.parts) for line in lines)


def _numbered(keys: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    seen: Counter[tuple[object, ...]] = Counter()
    for key in keys:
        seen[key] += 1
        yield (*key, seen[key])


def _in_order(positions: Sequence[int]) -> set[int]:
    """Return the longest rising run of positions, gaps allowed: the lines that stayed where they were."""
    ends: list[int] = []
    chains: list[tuple[int, ...]] = []
    for position in positions:
        place = bisect_left(ends, position)
        chain = (*(chains[place - 1] if place else ()), position)
        ends[place : place + 1] = [position]
        chains[place : place + 1] = [chain]
    return set(chains[-1]) if chains else set()
