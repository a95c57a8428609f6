"""Examples below instructions: from what a model or a person writes to the file's form, and to what annotators read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from diziner.common.errors import UserError
from diziner.records.guideline import EntityType, Example, Instruction
from diziner.spans.marked import parse_marked, render_marked


def with_labels(text: str, types: Sequence[EntityType]) -> str:
    """Return a marked text with every type by its label, whether it was written by name or by label, in any case.

    Errors: UserError for brackets that cannot be read and for a type that the scheme does not have.
    """
    known = {name.casefold(): t.label for t in types for name in (t.name, t.label)}
    plain, marks = parse_marked(text)
    for mark in marks:
        if mark.type.casefold() not in known:
            allowed = ", ".join(t.name for t in types)
            raise UserError(f"[{plain[mark.start : mark.end]}|{mark.type}]: no such type; there are: {allowed}")
    return render_marked(plain, [mark._replace(type=known[mark.type.casefold()]) for mark in marks])


def with_names(instructions: Sequence[Instruction], types: Sequence[EntityType]) -> tuple[Instruction, ...]:
    """Return instructions with the labels in their examples' brackets replaced by the types' names: annotators know
    no labels. Examples that say their annotation in a word are left as they are."""
    names = {t.label: t.name for t in types}
    return tuple(
        replace(
            instruction,
            examples=tuple(_named(example, names) for example in instruction.examples),
            children=with_names(instruction.children, types),
        )
        for instruction in instructions
    )


def plain_text(example: Example) -> str:
    """Return the text of an example without marks."""
    return example.text if example.annotation else parse_marked(example.text)[0]


def _named(example: Example, names: Mapping[str, str]) -> Example:
    if example.annotation:
        return example
    plain, marks = parse_marked(example.text)
    return replace(example, text=render_marked(plain, [mark._replace(type=names[mark.type]) for mark in marks]))
