"""Receipts of a refined guideline: what caused each line, checked against what they name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from diziner.guideline.file import all_instructions
from diziner.records.guideline import Guideline, Instruction, Receipt


@dataclass(frozen=True, slots=True)
class Causes:
    """Hotspots and documents that the receipt of a new line may name: those of the patterns that it settles."""

    patterns: tuple[str, ...]
    hotspots: Collection[str]
    documents: Collection[str]


@dataclass(frozen=True, slots=True)
class RoundEvidence:
    """Evidence of a round that receipts may name: hotspot id -> its document, and the ids of the pilot documents."""

    hotspots: Mapping[str, str]
    documents: Collection[str]


def receipt_problems(
    guideline: Guideline,
    before: Guideline | None,
    evidence: Mapping[int, RoundEvidence],
    responses: Collection[str],
    stopped: bool = False,
    causes: Mapping[str, Causes] | None = None,
    waited: Collection[str] = (),
) -> list[str]:
    """Return everything that is wrong with the receipts of a round's guideline, a sentence each; [] if they hold.

    `before` is the guideline that it was refined from (None where that is unknown: lines are then not compared
    with it), `evidence` the rounds that are known, `responses` the request keys that have an answer. A line that
    was new in its round may name that round's predecessor only; one that was modified names all its causes, of
    any round before. What would lie in a round that is not in `evidence` is not held against it. `stopped`: the
    guideline was carried over as it was, receipts included, because refinement had ended. `causes`: by id of a new
    line, what its own patterns rest on. `waited`: texts of lines that a limit kept out of an earlier round.
    """
    known = {line.id: line for line in all_instructions(before)} if before else {}
    problems = []
    for line in all_instructions(guideline):
        if line.receipt is None:
            if before is not None and not _same(known.get(line.id), line):
                problems.append(f"{line.id}: has no receipt and is not a line of the guideline before")
            continue
        late = line.text in waited
        found = [*_status(line, line.receipt, guideline.round, None if before is None else known, stopped, late)]
        if line.receipt.status == "new" and (own := (causes or {}).get(line.id)) and not late:
            found += _own(line.receipt, own)
        found += _causes(line.receipt, evidence, responses)
        problems += [f"{line.id}: {problem}" for problem in found]
    return problems


def named_responses(guideline: Guideline) -> list[str]:
    """Return the request keys that receipts name, each once, in reading order."""
    receipts = (line.receipt for line in all_instructions(guideline))
    return list(dict.fromkeys(key for receipt in receipts if receipt for key in receipt.responses))


def _status(
    line: Instruction,
    receipt: Receipt,
    number: int,
    known: Mapping[str, Instruction] | None,
    stopped: bool,
    late: bool = False,
) -> Iterator[str]:
    if not 1 <= receipt.round <= number:
        yield f"its receipt is of round {receipt.round}; allowed: 1 to {number}"
        return
    if stopped:
        return
    if receipt.status == "retained" and receipt.round == number:
        yield f"is said to be retained, but its receipt is of round {number} itself"
    elif receipt.status != "retained" and receipt.round != number and not late:
        yield f"is said to be {receipt.status} in round {number}, but its receipt is of round {receipt.round}"
    if known is None:
        return
    old = known.get(line.id)
    if receipt.status == "new" and old is not None:
        yield "is said to be new and is a line of the guideline before"
    elif receipt.status != "new" and old is None:
        yield f"is said to be {receipt.status} and is no line of the guideline before"
    elif receipt.status == "retained" and not _same(old, line):
        yield "is said to be retained and differs from the guideline before"
    elif receipt.status == "modified" and _same(old, line):
        yield "is said to be modified and is as in the guideline before"


def _own(receipt: Receipt, own: Causes) -> Iterator[str]:
    whose = f"of none of the patterns that it settles ({', '.join(own.patterns)})"
    for name in receipt.hotspots:
        if name not in own.hotspots:
            yield f"hotspot {name} is {whose}"
    for name in receipt.documents:
        if name not in own.documents:
            yield f"document {name} is {whose}"


def _causes(receipt: Receipt, evidence: Mapping[int, RoundEvidence], responses: Collection[str]) -> Iterator[str]:
    rounds = [receipt.round - 1] if receipt.status == "new" else list(range(receipt.round))
    seen = [evidence[number] for number in rounds if number in evidence]
    where = (
        f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}" if rounds else "no round"
    )
    whole = len(seen) == len(rounds)
    for name in receipt.hotspots:
        documents = {found.hotspots[name] for found in seen if name in found.hotspots}
        if not documents and whole:
            yield f"no hotspot {name} in {where}"
        elif documents and not documents & set(receipt.documents):
            yield f"hotspot {name} is of document {min(documents)}, which the receipt does not name"
    for name in receipt.documents:
        if whole and not any(name in found.documents for found in seen):
            yield f"no document {name} in the pilot set of {where}"
    for key in receipt.responses:
        if key not in responses:
            yield f"no response {key[:12]} in the store or the tape"
    if not receipt.documents:
        yield "its receipt names no document"
    if not receipt.responses:
        yield "its receipt names no response"


def _same(old: Instruction | None, new: Instruction) -> bool:
    # Children have receipts of their own.
    return old is not None and (old.text, old.examples) == (new.text, new.examples)
