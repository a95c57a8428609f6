"""Phase 4 in code: what the supervisor decided is applied to the guideline, within its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stages.contracts import EntityType, Guideline, Instruction, Receipt

DROPPED = "dropped"
ALREADY_THERE = "already there"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new instruction of phase 3. `annotator` is None for a common one; `replaces` is an id or empty;
    `spans` are the strings of the disagreements that caused it."""

    instruction: Instruction
    annotator: str | None = None
    replaces: str = ""
    spans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What phase 4 decided about one candidate: add, merge (with `target`, whose text becomes `text`),
    replace (`target` gives way) or drop. `parent` puts an added one below a top-level instruction."""

    candidate: str
    action: str = "add"
    target: str = ""
    parent: str = ""
    text: str = ""


def within_limits(
    candidates: Sequence[Candidate], max_common: int, max_specific: int, types: Sequence[EntityType]
) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    """Candidates that may go on, in order, and those cut, each with the reason.

    Cut is what is over a limit, what repeats an earlier candidate, and what names neither a type of the scheme
    nor a string of its disagreements: small models repeat their prompt, and nobody could follow such a line.
    """
    kept: list[Candidate] = []
    cut: list[tuple[Candidate, str]] = []
    seen: set[tuple[str | None, str]] = set()
    count: dict[str | None, int] = {}
    for candidate in candidates:
        group = candidate.annotator
        text = _folded(candidate.instruction.text)
        if not _grounded(text, candidate, types):
            cut.append((candidate, "names no type and no string of the disagreement"))
        elif (group, text) in seen:
            cut.append((candidate, "repeats another"))
        elif count.get(group, 0) >= (max_common if group is None else max_specific):
            cut.append((candidate, "over the limit"))
        else:
            seen.add((group, text))
            count[group] = count.get(group, 0) + 1
            kept.append(candidate)
    return kept, cut


def _grounded(text: str, candidate: Candidate, types: Sequence[EntityType]) -> bool:
    names = [name for t in types for name in (t.name, t.label)]
    return any(_folded(string) in text for string in (*names, *candidate.spans) if len(string) > 1)


def numbered(candidates: Sequence[Candidate], number: int) -> list[Candidate]:
    """Candidates with ids of the round `number`: C2.1, C2.2 for common ones, S2.1, S2.2 for specific ones."""
    counts = {"C": 0, "S": 0}
    named = []
    for candidate in candidates:
        prefix = "C" if candidate.annotator is None else "S"
        counts[prefix] += 1
        instruction = replace(candidate.instruction, id=f"{prefix}{number}.{counts[prefix]}")
        named.append(replace(candidate, instruction=instruction))
    return named


def integrate(
    guideline: Guideline, candidates: Sequence[Candidate], decisions: Mapping[str, Decision]
) -> tuple[Guideline, dict[str, str]]:
    """The guideline of the next round: everything that stood is kept unless a decision names it.

    A candidate without a decision is added. A decision that names an instruction that does not exist, or one
    of another annotator, falls back to adding. A candidate whose text already stands is dropped.
    Returns the guideline and what became of each candidate: added, added below ID, merged into ID, replaced ID,
    dropped, or already there.
    """
    number = guideline.round + 1
    common = [_retained(instruction) for instruction in guideline.common]
    specific = {name: [_retained(i) for i in entries] for name, entries in guideline.specific.items()}
    outcomes: dict[str, str] = {}
    for candidate in candidates:
        block = common if candidate.annotator is None else specific.setdefault(candidate.annotator, [])
        decision = decisions.get(candidate.instruction.id, Decision(candidate.instruction.id))
        outcomes[candidate.instruction.id] = _apply(block, candidate, decision)
    refined = replace(
        guideline,
        round=number,
        common=tuple(common),
        specific={name: tuple(entries) for name, entries in specific.items() if entries},
    )
    return refined, outcomes


def _apply(block: list[Instruction], candidate: Candidate, decision: Decision) -> str:
    new = candidate.instruction
    standing = {_folded(i.text) for top in block for i in (top, *top.children)}
    if decision.action == "drop":
        return DROPPED
    if _folded(decision.text or new.text) in standing:
        return ALREADY_THERE
    places = {instruction.id: position for position, instruction in enumerate(block)}
    target = decision.target or candidate.replaces
    if decision.action == "merge" and target in places and decision.text:
        block[places[target]] = _modified(block[places[target]], decision.text, new)
        return f"merged into {target}"
    if (decision.action == "replace" or candidate.replaces) and target in places:
        block[places[target]] = replace(new, children=block[places[target]].children)
        return f"replaced {target}"
    if decision.parent in places:
        parent = block[places[decision.parent]]
        block[places[decision.parent]] = replace(parent, children=(*parent.children, new))
        return f"added below {decision.parent}"
    block.append(new)
    return "added"


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


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")
