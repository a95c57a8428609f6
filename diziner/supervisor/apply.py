"""Application of the supervisor's decisions to the guideline, within its limits (phase 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diziner.common.exact import as_written
from diziner.guideline.file import all_instructions
from diziner.records.guideline import Guideline, Instruction, Receipt
from diziner.supervisor.bounds import Candidate, contradiction, folded, words_of

DROPPED = "dropped"  # how every outcome begins that leaves the guideline as it was


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision of phase 4 about one candidate: add, merge (with `target`, whose text becomes `text`),
    replace (`target` gives way) or drop. `parent` puts an added one below a top-level instruction."""

    candidate: str
    action: str = "add"
    target: str = ""
    parent: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Integrated:
    """The next round's guideline; what became of each candidate, by id; the share of the words of standing
    instructions that was changed (0.0 where none stood)."""

    guideline: Guideline
    outcomes: Mapping[str, str]
    changed_share: float


def numbered(candidates: Sequence[Candidate], guideline: Guideline) -> list[Candidate]:
    """Return candidates with ids of the next round: C2.1, C2.2 for common ones, S2.1, S2.2 for specific ones; an id
    that a person has used is passed over."""
    used = {instruction.id for instruction in all_instructions(guideline)}
    counts = {"C": 0, "S": 0}
    named = []
    for candidate in candidates:
        prefix = "C" if candidate.annotator is None else "S"
        number = ""
        while not number or number in used:
            counts[prefix] += 1
            number = f"{prefix}{guideline.round + 1}.{counts[prefix]}"
        named.append(replace(candidate, instruction=replace(candidate.instruction, id=number)))
    return named


def integrate(
    guideline: Guideline,
    candidates: Sequence[Candidate],
    decisions: Mapping[str, Decision],
    max_words: int,
    max_change: float | None = None,
) -> Integrated:
    """Return the guideline of the next round: everything that stood is kept unless a decision names it.

    A candidate without a decision is added. A decision that names an instruction that does not exist, or one
    of another annotator, falls back to adding. An outcome is: added, added below ID, merged into ID,
    replaced ID, or dropped with the reason: decided so; the text stands already; ID is a person's line (no
    receipt), which only people change; it contradicts an example that stands; ID was changed by another
    candidate before; more than the share `max_change` of the words that stood would be changed; more than
    `max_words` words of instructions would be shown to an annotator.
    """
    blocks: dict[str | None, list[Instruction]] = {None: [_retained(i) for i in guideline.common]}
    for name, entries in guideline.specific.items():
        blocks[name] = [_retained(instruction) for instruction in entries]
    stood = words_of([*guideline.common, *(i for entries in guideline.specific.values() for i in entries)])
    changed: dict[str, int] = {}
    outcomes: dict[str, str] = {}
    for candidate in candidates:
        block = blocks.get(candidate.annotator, [])
        decision = decisions.get(candidate.instruction.id, Decision(candidate.instruction.id))
        after, outcome, target = _applied(block, candidate, decision, changed, guideline)
        cost = words_of([i for i in block if i.id == target])
        if after is None:
            outcomes[candidate.instruction.id] = outcome
        elif max_change is not None and sum(changed.values()) + cost > as_written(max_change) * stood and target:
            outcomes[candidate.instruction.id] = f"{DROPPED}: over the change limit"
        elif _shown_words({**blocks, candidate.annotator: after}) > max_words:
            outcomes[candidate.instruction.id] = f"{DROPPED}: over the length limit"
        else:
            blocks[candidate.annotator] = after
            outcomes[candidate.instruction.id] = outcome
            if target:
                changed[target] = cost
    refined = replace(
        guideline,
        round=guideline.round + 1,
        common=tuple(blocks.pop(None)),
        specific={name: tuple(entries) for name, entries in blocks.items() if name and entries},
    )
    return Integrated(refined, outcomes, sum(changed.values()) / stood if stood else 0.0)


def _applied(
    block: Sequence[Instruction],
    candidate: Candidate,
    decision: Decision,
    changed: Mapping[str, int],
    guideline: Guideline,
) -> tuple[list[Instruction] | None, str, str]:
    """Return the block after a decision (None: as it was), the outcome, and the id of the instruction it changes."""
    new = candidate.instruction
    places = {instruction.id: position for position, instruction in enumerate(block)}
    target = decision.target or candidate.replaces
    merges = decision.action == "merge" and target in places and bool(decision.text)
    replaces = (decision.action == "replace" or bool(candidate.replaces)) and target in places
    target = target if merges or replaces else ""
    text = decision.text if merges else new.text
    standing = {folded(i.text) for top in block for i in (top, *top.children) if i.id != target}
    clash = contradiction(replace(candidate, replaces=target), guideline)
    if decision.action == "drop":
        return None, DROPPED, ""
    if folded(text) in standing:
        return None, f"{DROPPED}: already there", ""
    if clash:
        return None, f"{DROPPED}: {clash}", ""
    if target and block[places[target]].receipt is None:
        return None, f"{DROPPED}: {target} is a person's line", ""
    if target in changed:
        return None, f"{DROPPED}: {target} was changed before", ""
    after = list(block)
    if merges:
        after[places[target]] = _modified(block[places[target]], text, new)
        return after, f"merged into {target}", target
    if replaces:
        after[places[target]] = replace(new, children=block[places[target]].children)
        return after, f"replaced {target}", target
    if decision.parent in places:
        parent = block[places[decision.parent]]
        after[places[decision.parent]] = replace(parent, children=(*parent.children, new))
        return after, f"added below {decision.parent}", ""
    return [*after, new], "added", ""


def _shown_words(blocks: Mapping[str | None, Sequence[Instruction]]) -> int:
    """Return the most words of instructions that one annotator is shown."""
    own = [words_of(entries) for name, entries in blocks.items() if name is not None]
    return words_of(blocks[None]) + max(own, default=0)


def _retained(instruction: Instruction) -> Instruction:
    receipt = instruction.receipt
    return replace(
        instruction,
        receipt=None if receipt is None else replace(receipt, status="retained"),
        children=tuple(_retained(child) for child in instruction.children),
    )


def _modified(old: Instruction, text: str, new: Instruction) -> Instruction:
    before, cause = old.receipt, new.receipt
    receipt = cause and Receipt(
        cause.round,
        "modified",
        *(_joined(before, cause, name) for name in ("hotspots", "documents", "responses")),
    )
    return replace(old, text=text, examples=old.examples + new.examples, receipt=receipt or before)


def _joined(before: Receipt | None, cause: Receipt, name: str) -> tuple[str, ...]:
    earlier: Sequence[Any] = getattr(before, name) if before else ()
    return tuple(dict.fromkeys([*earlier, *getattr(cause, name)]))
