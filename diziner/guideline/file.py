"""Guideline file: YAML that people read and edit; the same guideline is always the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.yamlfile import dump_yaml, read_yaml, write_yaml
from diziner.guideline.agreed import agreed_from_json, agreed_to_json, check_agreed
from diziner.records.annotations import Span
from diziner.records.guideline import Choice, EntityType, Example, Goal, Guideline, Instruction, Receipt
from diziner.spans.brackets import parse_brackets
from diziner.spans.marked import parse_marked


def load_guideline(path: Path) -> Guideline:
    """Read and check a guideline.

    Errors: UserError naming the file and the key: schema violations, labels, names or instruction ids used
    twice, examples with brackets that cannot be read or a label that no type has.
    """
    return guideline_from_json(read_yaml(path, "guideline"), str(path))


def guideline_from_json(raw: Mapping[str, Any], where: str) -> Guideline:
    """Make a guideline from a mapping that fits guideline.schema.json. `where` and errors: as `load_guideline`."""
    guideline = Guideline(
        benchmark=raw["benchmark"],
        round=raw["round"],
        goal=Goal(**raw["goal"]),
        types=tuple(
            EntityType(**{**entry, "positive": tuple(entry["positive"]), "negative": tuple(entry["negative"])})
            for entry in raw["types"]
        ),
        examples=tuple(raw["examples"]),
        common=tuple(instruction_from_json(entry) for entry in raw["instructions"]["common"]),
        specific={
            name: tuple(instruction_from_json(entry) for entry in entries)
            for name, entries in raw["instructions"]["specific"].items()
        },
        choices=tuple(Choice(**entry) for entry in raw.get("choices", ())),
        left_out=tuple(raw.get("left_out", ())),
        agreed=agreed_from_json(raw.get("agreed")),
    )
    _check(guideline, where)
    return guideline


def save_guideline(path: Path, guideline: Guideline) -> None:
    """Write a guideline atomically: keys in reading order, long texts folded, nothing that says when or where."""
    write_yaml(path, dump_guideline(guideline))


def dump_guideline(guideline: Guideline) -> str:
    """Return the file's text."""
    return dump_yaml(guideline_to_json(guideline))


def guideline_to_json(guideline: Guideline) -> dict[str, Any]:
    """Return the file's content, with keys in reading order."""
    value: dict[str, Any] = {
        "benchmark": guideline.benchmark,
        "round": guideline.round,
        "goal": {key: getattr(guideline.goal, key) for key in ("documents", "purpose", "types", "use")},
        "types": [
            {
                "label": t.label,
                "name": t.name,
                "definition": t.definition,
                "positive": list(t.positive),
                "negative": list(t.negative),
            }
            for t in guideline.types
        ],
        "examples": list(guideline.examples),
        "instructions": {
            "common": [instruction_to_json(i) for i in guideline.common],
            "specific": {
                name: [instruction_to_json(i) for i in guideline.specific[name]] for name in sorted(guideline.specific)
            },
        },
    }
    if guideline.choices:
        value["choices"] = [asdict(choice) for choice in guideline.choices]
    if guideline.left_out:
        value["left_out"] = list(guideline.left_out)
    if guideline.agreed:
        value["agreed"] = agreed_to_json(guideline.agreed)
    return value


def worked_examples(guideline: Guideline, where: str = "guideline") -> list[tuple[tuple[str, ...], tuple[Span, ...]]]:
    """Return the guideline's example sentences as tokens and spans.

    Errors: UserError naming the file (`where`) and the example's number.
    """
    parsed = []
    for number, line in enumerate(guideline.examples):
        try:
            parsed.append(parse_brackets(line))
        except UserError as error:
            raise UserError(f"{where}: examples[{number}]: {error}") from None
    return parsed


def all_instructions(guideline: Guideline) -> Iterator[Instruction]:
    """Yield every instruction, children behind their parents, common ones first."""
    for top in [
        *guideline.common,
        *(i for name in sorted(guideline.specific) for i in guideline.specific[name]),
    ]:
        yield top
        yield from top.children


def known_ids(guideline: Guideline, annotator: str | None = None) -> list[str]:
    """Return ids of the top-level instructions that bind everyone, or (`annotator`) that annotator alone, in order."""
    block = guideline.common if annotator is None else guideline.specific.get(annotator, ())
    return [instruction.id for instruction in block]


def instruction_from_json(raw: Mapping[str, Any]) -> Instruction:
    """Make an instruction, its children included, from a mapping that fits the schema."""
    receipt = raw.get("receipt")
    return Instruction(
        id=raw["id"],
        text=raw["text"],
        examples=tuple(Example(**entry) for entry in raw.get("examples", ())),
        children=tuple(instruction_from_json(entry) for entry in raw.get("children", ())),
        receipt=Receipt(**{**receipt, **_tuples(receipt)}) if receipt else None,
    )


def _tuples(receipt: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(receipt.get(key, ())) for key in ("hotspots", "documents", "responses")}


def instruction_to_json(instruction: Instruction) -> dict[str, Any]:
    """Return an instruction as the file has it, with keys in reading order and nothing empty."""
    value: dict[str, Any] = {"id": instruction.id, "text": instruction.text}
    if instruction.examples:
        value["examples"] = [
            {key: text for key in ("text", "annotation", "explanation", "error") if (text := getattr(example, key))}
            for example in instruction.examples
        ]
    if instruction.children:
        value["children"] = [instruction_to_json(child) for child in instruction.children]
    if receipt := instruction.receipt:
        value["receipt"] = {
            "round": receipt.round,
            "status": receipt.status,
            "hotspots": list(receipt.hotspots),
            "documents": list(receipt.documents),
            "responses": list(receipt.responses),
        }
    return value


def _check(guideline: Guideline, where: str) -> None:
    labels = [t.label for t in guideline.types]
    _unique(labels, f"{where}: types: label")
    _unique([t.name.casefold() for t in guideline.types], f"{where}: types: name")
    _unique([i.id for i in all_instructions(guideline)], f"{where}: instructions: id")
    check_agreed(guideline.agreed, labels, where)
    for number, (_, spans) in enumerate(worked_examples(guideline, where)):
        for span in spans:
            if span.type not in labels:
                raise UserError(f"{where}: examples[{number}]: label {span.type}; allowed: {', '.join(labels)}")
    for instruction in all_instructions(guideline):
        for number, example in enumerate(instruction.examples):
            _check_example(example, labels, f"{where}: instruction {instruction.id}: examples[{number}]")


def _check_example(example: Example, labels: Sequence[str], where: str) -> None:
    if example.annotation:
        return
    try:
        _, marks = parse_marked(example.text)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    for mark in marks:
        if mark.type not in labels:
            raise UserError(f"{where}: label {mark.type}; allowed: {', '.join(labels)}")


def _unique(values: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise UserError(f"{what} {value!r} is used twice; each must be unique")
        seen.add(value)
