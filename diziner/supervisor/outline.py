"""Outline of one block of a guideline: top-level lines with one level below them, changed by value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from diziner.records.guideline import Instruction

FIRST = "first"  # in place of an id: before all others


@dataclass(frozen=True, slots=True)
class Outline:
    """Top-level lines in order, their children below them. Every method returns a new outline."""

    tops: Sequence[Instruction] = ()

    def lines(self) -> Iterator[Instruction]:
        """Yield every line, children behind their parents."""
        for top in self.tops:
            yield top
            yield from top.children

    def line(self, name: str) -> Instruction | None:
        """Return a line by id; None if there is none."""
        return next((line for line in self.lines() if line.id == name), None)

    def top_of(self, name: str) -> str | None:
        """Return the id of the top-level line that a line is or stands below; None if there is no such line."""
        return next((top.id for top in self.tops if name == top.id or any(c.id == name for c in top.children)), None)

    def with_line(self, name: str, line: Instruction) -> Outline:
        """Return it with another line in the place of one; a child has no children of its own."""
        return Outline(
            [
                line
                if top.id == name
                else replace(
                    top, children=tuple(replace(line, children=()) if c.id == name else c for c in top.children)
                )
                for top in self.tops
            ]
        )

    def without(self, name: str) -> Outline:
        """Return it without a line; its children take its place."""
        tops: list[Instruction] = []
        for top in self.tops:
            if top.id == name:
                tops += top.children
            else:
                tops.append(replace(top, children=tuple(child for child in top.children if child.id != name)))
        return Outline(tops)

    def below(self, parent: str, line: Instruction) -> Outline:
        """Return it with a line as the last one below a top-level line."""
        return Outline([replace(t, children=(*t.children, line)) if t.id == parent else t for t in self.tops])

    def beside(self, line: Instruction, after: str = "") -> Outline:
        """Return it with a top-level line behind another (`FIRST`: before all); at the end where there is no such."""
        tops = list(self.tops)
        anchor = self.top_of(after)
        place = 0 if after == FIRST else len(tops)
        if anchor is not None:
            place = next(position for position, top in enumerate(tops) if top.id == anchor) + 1
        return Outline([*tops[:place], line, *tops[place:]])

    def moved(self, name: str, parent: str, after: str) -> Outline | None:
        """Return it with a line below `parent` or, at the top, behind `after`; None where that cannot be: the line or
        its parent is not there, is the line itself, or the line has children and would go below another."""
        line = self.line(name)
        if line is None:
            return None
        if parent:
            top = self.top_of(parent)
            return None if top is None or top == name or line.children else self.without(name).below(top, line)
        return None if after == name else _without_its_children(self, line).beside(line, after)


def _without_its_children(outline: Outline, line: Instruction) -> Outline:
    """Return an outline without a line and without what stands below it: both move together."""
    return Outline(
        [
            replace(top, children=tuple(child for child in top.children if child.id != line.id))
            for top in outline.tops
            if top.id != line.id
        ]
    )
