"""Wording of a guideline's change that every output shares, for pull requests, and as data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from diziner.common.words import counted
from diziner.guideline.changes import MODIFIED, NEW, REMOVED, RETAINED, Block, GuidelineChange, LineChange
from diziner.guideline.lines import Line
from diziner.records.guideline import Guideline, Receipt

HOTSPOTS_SHOWN = 3
_TITLES = {
    "goal": "Goal",
    "types": "Types",
    "examples": "Example sentences",
    "agreed": "Examples from agreement",
    "choices": "Choices",
    "left_out": "Annotators left out",
}
_KINDS = {"definition": "is: ", "positive": "mark: ", "negative": "not: ", "example": "e.g. "}
_MARKUP = {"=": "{}", "-": "<del>{}</del>", "+": "<ins>{}</ins>"}


def headline(change: GuidelineChange) -> str:
    """Return which two versions, and how many lines of each status."""
    counts = change.counts()
    found = ", ".join(f"{counts[name]} {name}" for name in (NEW, MODIFIED, REMOVED, "moved", RETAINED) if counts[name])
    names = " → ".join(f"{g.benchmark} round {g.round}" for g in (change.before, change.after))
    return f"{names}: {found if change.changed else f'no change in {counts[RETAINED]} lines'}"


def title(block: Block) -> str:
    """Return what a block is called."""
    if block.part != "instructions":
        return _TITLES[block.part]
    return f"Instructions for {block.annotator}" if block.annotator else "Instructions for everyone"


def label(line: Line) -> str:
    """Return what stands before a line's text: `C1.1 `, `PER `, `purpose: `, `mark: `."""
    if line.kind in _KINDS:
        return _KINDS[line.kind]
    if line.kind in {"goal", "choice", "agreed"}:
        return f"{line.name}: "
    return f"{line.name} " if line.kind in {"type", "instruction"} else ""


def joint_label(change: LineChange) -> str:
    """Return the label of both versions, `C1.2 → C2.1 ` where they differ."""
    before, after = (label(line) if line else "" for line in (change.before, change.after))
    return f"{before.rstrip(': ')} → {after}" if before and after and before != after else after or before


def caused_by(change: LineChange) -> str:
    """Return the receipt of a line that is new or modified in words; "" for other lines and for those of people."""
    if change.after and change.after.cause:
        return change.after.cause if change.status in {NEW, MODIFIED} else ""
    receipt = change.after.receipt if change.after and change.status in {NEW, MODIFIED} else None
    return _receipt(receipt) if receipt else ""


def change_json(change: GuidelineChange, sources: Sequence[str]) -> dict[str, Any]:
    """Return everything about a change as data; `sources` are the two versions as they were named."""
    return {
        "before": _version(change.before, sources[0]),
        "after": _version(change.after, sources[1]),
        "changed": change.changed,
        "counts": change.counts(),
        "blocks": [
            {"part": block.part, "annotator": block.annotator, "lines": [_line_json(line) for line in block.lines]}
            for block in change.blocks
        ],
    }


def change_markdown(change: GuidelineChange) -> str:
    """Render for a pull request's comment: the lines that changed, block by block, words in <del> and <ins>."""
    lines = [f"**{escaped(headline(change))}**"]
    for block in (block for block in change.blocks if block.changed):
        lines += ["", f"**{escaped(title(block))}**", ""]
        for line in (line for line in block.lines if line.changed):
            status = "moved" if line.status == RETAINED else line.status
            words = "".join(_MARKUP[mark].format(escaped(text)) for mark, text in line.edits)
            cause = f" <sub>{escaped(caused_by(line))}</sub>" if caused_by(line) else ""
            lines.append(f"- {status}: {escaped(joint_label(line))}{words}{cause}")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text as markdown that shows as it is, on one line: no markup, no HTML, no mention of a user."""
    line = re.sub(r"\s", " ", printable(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#|~$])", r"\\\1", line).replace("@", "@\u200b")


def printable(text: str) -> str:
    """Return text without characters that steer a terminal or turn the direction of writing."""
    return "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)


def _receipt(receipt: Receipt) -> str:
    shown = ", ".join(receipt.hotspots[:HOTSPOTS_SHOWN])
    more = len(receipt.hotspots) - HOTSPOTS_SHOWN
    hotspots = f" ({shown}{f' and {more} more' if more > 0 else ''})" if shown else ""
    return (
        f"round {receipt.round}, {counted(len(receipt.hotspots), 'hotspot')}{hotspots}, "
        f"{counted(len(receipt.documents), 'document')}"
    )


def _version(guideline: Guideline, source: str) -> dict[str, Any]:
    return {"source": source, "benchmark": guideline.benchmark, "round": guideline.round}


def _line_json(change: LineChange) -> dict[str, Any]:
    receipt = change.after.receipt if change.after else None
    return {
        "status": change.status,
        "moved": change.moved,
        "kind": change.line.kind,
        "depth": change.line.depth,
        "before": {"name": change.before.name, "text": change.before.text} if change.before else None,
        "after": {"name": change.after.name, "text": change.after.text} if change.after else None,
        "edits": [list(edit) for edit in change.edits],
        "receipt": {
            "round": receipt.round,
            "status": receipt.status,
            "hotspots": list(receipt.hotspots),
            "documents": list(receipt.documents),
            "responses": list(receipt.responses),
        }
        if receipt
        else None,
    }
