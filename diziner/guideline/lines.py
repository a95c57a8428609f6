"""Lines of a guideline as people read them, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from diziner.records.guideline import AgreedExamples, EntityType, Goal, Guideline, Instruction, Receipt

PARTS = ("goal", "types", "examples", "agreed", "instructions", "choices", "left_out")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a guideline as people read it.

    `kind` is goal, type, definition, positive, negative, sentence, agreed, instruction, example, choice or annotator.
    `name` is what the line goes by: the section of the goal, the label, the instruction's id (also for its
    examples), the conflict, the annotator, the document of an example from agreement; "" for a sentence.
    `parts` is everything that the line says. `cause` is its receipt in words, where it has another kind of receipt.
    """

    kind: str
    name: str
    text: str
    depth: int = 0
    parts: tuple[str, ...] = ()
    receipt: Receipt | None = None
    cause: str = ""


def guideline_lines(guideline: Guideline) -> dict[tuple[str, str], list[Line]]:
    """Return the lines of each part, in reading order, by part and annotator ("" but for instructions of one
    annotator).

    Parts are those of `PARTS`, in that order. Empty sections of the goal have no line.
    """
    parts: dict[tuple[str, str], list[Line]] = {
        ("goal", ""): _goal(guideline.goal),
        ("types", ""): _types(guideline.types),
        ("examples", ""): [Line("sentence", "", text, parts=(text,)) for text in guideline.examples],
        ("agreed", ""): _agreed(guideline.agreed),
        ("instructions", ""): _instructions(guideline.common),
    }
    for name in sorted(guideline.specific):
        parts["instructions", name] = _instructions(guideline.specific[name])
    parts["choices", ""] = [
        Line("choice", c.conflict, c.decision, parts=(c.conflict, c.decision)) for c in guideline.choices
    ]
    parts["left_out", ""] = [Line("annotator", name, name, parts=(name,)) for name in guideline.left_out]
    return parts


def _goal(goal: Goal) -> list[Line]:
    sections = [(section.name, getattr(goal, section.name)) for section in fields(Goal)]
    return [Line("goal", name, text, parts=(text,)) for name, text in sections if text]


def _types(types: Sequence[EntityType]) -> list[Line]:
    lines: list[Line] = []
    for t in types:
        lines.append(Line("type", t.label, t.name, parts=(t.name,)))
        lines.append(Line("definition", t.label, t.definition, 1, (t.definition,)))
        lines += [Line("positive", t.label, text, 1, (text,)) for text in t.positive]
        lines += [Line("negative", t.label, text, 1, (text,)) for text in t.negative]
    return lines


def _agreed(agreed: AgreedExamples | None) -> list[Line]:
    lines = []
    for example in agreed.examples if agreed else ():
        cause = f"round {example.round}, {', '.join(example.annotators)} alike, agreement {example.agreement:.2f}"
        lines.append(
            Line("agreed", example.document, example.sentence, parts=(example.sentence, example.text), cause=cause)
        )
    return lines


def _instructions(instructions: Sequence[Instruction], depth: int = 0) -> list[Line]:
    lines: list[Line] = []
    for entry in instructions:
        lines.append(Line("instruction", entry.id, entry.text, depth, (entry.text,), entry.receipt))
        for example in entry.examples:
            text = f"{example.text} → {example.annotation}" if example.annotation else example.text
            text += f" ({example.explanation})" if example.explanation else ""
            text += f" wrong: {example.error}" if example.error else ""
            parts = (example.text, example.annotation, example.explanation, example.error)
            lines.append(Line("example", entry.id, text, depth + 1, parts))
        lines += _instructions(entry.children, depth + 1)
    return lines
