"""A guideline as the page shows it: every line with what became of it since the round before, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.guideline.changes import MODIFIED, REMOVED, Block, LineChange, compare_guidelines
from diziner.records.guideline import Guideline, Receipt
from diziner.report.limits import Limits

WRITTEN = "written"  # the status of every line of round 0's guideline
_QUOTES = {"agreed", "examples", "choices"}
_ALWAYS = {"goal", "agreed", "instructions", "choices", "left_out"}


def guideline_view(
    guideline: Guideline,
    before: Guideline | None,
    rounds: Mapping[str, Sequence[int]],
    limits: Limits,
    *,
    text: bool = True,
) -> list[dict[str, Any]]:
    """Return the guideline's blocks of lines against `before` (None: round 0); types and example sentences, which
    refinement leaves alone, only where they changed.

    `rounds` maps a hotspot id to the rounds that have it, so that a receipt can lead there. A line's `status` is
    written (round 0), retained, modified, new or removed. Without `text` what quotes documents is left out: examples of
    instructions, example sentences.
    """
    change = compare_guidelines(before or guideline, guideline)
    return [
        {
            "part": block.part,
            "annotator": block.annotator,
            "lines": [
                _line(line, WRITTEN if before is None else line.status, rounds)
                for line in _shown(block, limits.examples if text else 0)
            ],
        }
        for block in change.blocks
        if (block.part in _ALWAYS or block.changed) and (text or block.part not in _QUOTES)
    ]


def types_view(guideline: Guideline) -> list[dict[str, Any]]:
    """Return the types with their definitions."""
    return [
        {
            "label": entry.label,
            "name": entry.name,
            "definition": entry.definition,
            "positive": list(entry.positive),
            "negative": list(entry.negative),
        }
        for entry in guideline.types
    ]


def receipts(blocks: Sequence[Mapping[str, Any]]) -> set[tuple[int | None, str]]:
    """Return the hotspots that the receipts of `guideline_view` name, as (round, id)."""
    lines = [line for block in blocks for line in block["lines"] if line.get("receipt")]
    return {(number, name) for line in lines for name, number in line["receipt"]["hotspots"]}


def _shown(block: Block, limit: int) -> list[LineChange]:
    """Return the block's lines without the examples of an instruction that are over the limit."""
    shown: list[LineChange] = []
    examples = 0
    for line in block.lines:
        examples = examples + 1 if line.line.kind == "example" else 0
        if examples <= limit:
            shown.append(line)
    return shown


def _line(change: LineChange, status: str, rounds: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    line = change.line
    value: dict[str, Any] = {"kind": line.kind, "name": line.name, "text": line.text, "status": status}
    if line.depth:
        value["depth"] = line.depth
    if change.moved:
        value["moved"] = True
    if status == MODIFIED and change.before is not None:
        value["edits"] = [list(edit) for edit in change.edits]
        value["was"] = change.before.name
    if line.cause and status != REMOVED:
        value["cause"] = line.cause
    if line.receipt is not None and status != REMOVED:
        value["receipt"] = _receipt(line.receipt, rounds)
    return value


def _receipt(receipt: Receipt, rounds: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    return {
        "round": receipt.round,
        "hotspots": [[name, _latest_before(receipt.round, rounds.get(name, ()))] for name in receipt.hotspots],
        "documents": len(receipt.documents),
        "responses": [key[:12] for key in receipt.responses],
    }


def _latest_before(number: int, rounds: Sequence[int]) -> int | None:
    """Return the round that a receipt's hotspot is of: the last one before the line was written; None if there is
    none."""
    return max((found for found in rounds if found < number), default=None)
