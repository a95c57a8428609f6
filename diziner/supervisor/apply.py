"""Application of the supervisor's decisions to the guideline, within its limits (phase 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from diziner.common.exact import as_written
from diziner.guideline.file import all_instructions
from diziner.guideline.word_edits import changed_words
from diziner.records.guideline import Guideline, Instruction, Receipt
from diziner.supervisor.bounds import Candidate, contradiction, folded, on_one_line, unfit, words_of
from diziner.supervisor.outline import Outline

DROPPED = "dropped"  # how every outcome begins that leaves the guideline as it was
WAITS = "waits"  # how every outcome begins of a candidate that is kept for the next round


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision of phase 4 about one candidate: add, merge (with `target`, whose text becomes `text`),
    replace (`target` gives way) or drop. An added one stands below the line `parent`, or behind the line `after`
    ("first": before all others; empty: behind all others). Both may name a candidate of the same block."""

    candidate: str
    action: str = "add"
    target: str = ""
    parent: str = ""
    text: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Decision of phase 4 about a line that stands: retire it, or place it below `parent` or behind `after`."""

    line: str
    action: str  # retire | place
    parent: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Integrated:
    """The next round's guideline; what became of each candidate, and of each standing line that a decision names, by
    id; the share of the words of standing instructions that was changed (0.0 where none stood); the candidates that
    wait for the next round."""

    guideline: Guideline
    outcomes: Mapping[str, str]
    changed_share: float
    waiting: tuple[Candidate, ...] = ()


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


def shown_words(guideline: Guideline) -> int:
    """Return the most words of instructions that one annotator is shown, examples included."""
    own = [words_of(entries) for entries in guideline.specific.values()]
    return words_of(guideline.common) + max(own, default=0)


def words_that_stand(guideline: Guideline) -> int:
    """Return words of all instructions, examples included; limits of change are shares of them."""
    return words_of([*guideline.common, *(line for block in guideline.specific.values() for line in block)])


def integrate(
    guideline: Guideline,
    candidates: Sequence[Candidate],
    decisions: Mapping[str, Decision],
    max_words: int | None = None,
    max_change: float | None = None,
    changes: Sequence[Change] = (),
) -> Integrated:
    """Return the guideline of the next round: everything that stood is kept unless a decision names it.

    A candidate without a decision is added; so is one whose decision names a line that does not exist, belongs to
    another annotator, is a person's (no receipt) or was changed by another candidate before, and one that is merged
    with a joint text that can be no line (empty, too long, a definition's). Standing lines are
    retired first, placed last. Change is counted in words that differ. Where it would exceed the share `max_change`
    of the words that stood, a line is not retired, a merge becomes an addition, and a replacement waits for the next
    round; so does what would show an annotator more than `max_words` words of instructions. Limits of None do not bind.

    An outcome is: added, added below ID, merged into ID, replaced ID, retired, placed, kept with the reason, waits with
    the reason, or dropped with the reason: decided so; the text stands already; it contradicts an example that stands.
    """
    work = _Integration(guideline, candidates, max_words, max_change)
    for change in changes:
        if change.action == "retire":
            work.retire(change.line)
    for candidate, decision in _in_turn(candidates, decisions):
        work.take(candidate, decision)
    for change in changes:
        if change.action == "place":
            work.place(change)
    return work.result()


@dataclass
class _Integration:
    """Lines as they stand in the middle of an integration, and what has become of whom."""

    guideline: Guideline
    candidates: Sequence[Candidate]
    max_words: int | None
    max_change: float | None
    blocks: dict[str | None, Outline] = field(init=False)
    changed: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    waiting: list[Candidate] = field(default_factory=list)
    stood: int = field(init=False)

    def __post_init__(self) -> None:
        entries: dict[str | None, Sequence[Instruction]] = {None: self.guideline.common}
        entries.update(self.guideline.specific)
        self.blocks = {name: Outline([_retained(line) for line in block]) for name, block in entries.items()}
        self.stood = words_that_stand(self.guideline)

    def take(self, candidate: Candidate, decision: Decision) -> None:
        name, block = candidate.instruction.id, self.blocks.get(candidate.annotator, Outline())
        if decision.action == "drop":
            self.outcomes[name] = DROPPED
            return
        decision = replace(decision, text=on_one_line(decision.text))
        target, refused = self._target(block, candidate, decision)
        merges = bool(target) and decision.action == "merge"
        cost = self._cost(block.line(target), candidate, decision.text if merges else "") if target else 0
        if target and self._over_change(cost):
            if not merges:
                self._wait(candidate, "over the change limit")
                return
            target, refused, merges = "", f"the merge into {target} is over the change limit", False
        text = decision.text if merges else candidate.instruction.text
        if any(folded(line.text) == folded(text) for line in block.lines() if line.id != target):
            self.outcomes[name] = f"{DROPPED}: already there"
            return
        if clash := contradiction(replace(candidate, replaces=target), self.guideline):
            self.outcomes[name] = f"{DROPPED}: {clash}"
            return
        after, outcome = _applied(block, candidate, decision, target, merges)
        if self._over_words(candidate.annotator, after):
            self._wait(candidate, "over the length limit")
            return
        self.blocks[candidate.annotator] = after
        self.outcomes[name] = f"{outcome}: {refused}" if refused else outcome
        if target:
            self.changed[target] = cost

    def retire(self, name: str) -> None:
        owner, line = self._standing(name)
        if line is None or name in self.changed:
            return
        cost = words_of([replace(line, children=())])
        if line.receipt is None:
            self.outcomes[name] = "kept: a person's line"
        elif self._over_change(cost):
            self.outcomes[name] = "kept: over the change limit"
        else:
            self.blocks[owner] = self.blocks[owner].without(name)
            self.outcomes[name] = "retired"
            self.changed[name] = cost

    def place(self, change: Change) -> None:
        owner, line = self._standing(change.line)
        if line is None:
            return
        moved = self.blocks[owner].moved(change.line, change.parent, change.after)
        if moved is not None:
            self.blocks[owner] = moved
            self.outcomes.setdefault(change.line, "placed")

    def result(self) -> Integrated:
        blocks = {name: tuple(block.tops) for name, block in self.blocks.items()}
        refined = replace(
            self.guideline,
            round=self.guideline.round + 1,
            common=blocks.pop(None),
            specific={name: entries for name, entries in blocks.items() if name and entries},
        )
        share = sum(self.changed.values()) / self.stood if self.stood else 0.0
        ordered = {c.instruction.id: self.outcomes[c.instruction.id] for c in self.candidates}
        return Integrated(refined, ordered | self.outcomes, min(share, 1.0), tuple(self.waiting))

    def _target(self, block: Outline, candidate: Candidate, decision: Decision) -> tuple[str, str]:
        """Return the line that gives way or is merged into, and why the one that was named does not."""
        named = decision.target or candidate.replaces
        wanted = decision.action in {"merge", "replace"} or bool(candidate.replaces)
        if not wanted or not named or (decision.action == "merge" and not decision.text):
            return "", ""
        if decision.action == "merge" and (why := unfit(decision.text, self.guideline.types)):
            return "", f"the joint text {why}"
        line = block.line(named)
        if line is None or named in {c.instruction.id for c in self.candidates}:
            return "", f"{named} is no line that stands" if named not in self.changed else f"{named} was changed before"
        if line.receipt is None:
            return "", f"{named} is a person's line"
        if named in self.changed:
            return "", f"{named} was changed before"
        return named, ""

    def _cost(self, line: Instruction | None, candidate: Candidate, text: str) -> int:
        if line is None:
            return 0
        examples = [part for e in line.examples for part in (e.text, e.annotation, e.explanation, e.error)]
        gone = 0 if text else sum(len(part.split()) for part in examples)
        return changed_words(line.text, text or candidate.instruction.text) + gone

    def _over_change(self, cost: int) -> bool:
        if self.max_change is None:
            return False
        return sum(self.changed.values()) + cost > as_written(self.max_change) * Fraction(self.stood)

    def _wait(self, candidate: Candidate, reason: str) -> None:
        self.outcomes[candidate.instruction.id] = f"{WAITS}: {reason}"
        self.waiting.append(candidate)

    def _standing(self, name: str) -> tuple[str | None, Instruction | None]:
        return next(
            ((owner, line) for owner, block in self.blocks.items() if (line := block.line(name)) is not None),
            (None, None),
        )

    def _over_words(self, owner: str | None, block: Outline) -> bool:
        blocks = {name: outline.tops for name, outline in {**self.blocks, owner: block}.items()}
        own = [words_of(tops) for name, tops in blocks.items() if name is not None]
        return self.max_words is not None and words_of(blocks[None]) + max(own, default=0) > self.max_words


def _in_turn(
    candidates: Sequence[Candidate], decisions: Mapping[str, Decision]
) -> Iterator[tuple[Candidate, Decision]]:
    """Yield candidates with their decisions, in order, but what goes below or behind another one when that one has its
    place. Of those that wait for each other, the first goes first."""
    waiting = {c.instruction.id: (c, decisions.get(c.instruction.id, Decision(c.instruction.id))) for c in candidates}
    while waiting:
        free = [name for name, (_, d) in waiting.items() if not {d.parent, d.after} & (waiting.keys() - {name})]
        for name in free or list(waiting)[:1]:
            yield waiting.pop(name)


def _applied(
    block: Outline, candidate: Candidate, decision: Decision, target: str, merges: bool
) -> tuple[Outline, str]:
    new, old = candidate.instruction, block.line(target)
    if old is not None and merges:
        return block.with_line(target, _modified(old, decision.text, new)), f"merged into {target}"
    if old is not None:
        return block.with_line(target, replace(new, children=old.children)), f"replaced {target}"
    if decision.parent and (parent := block.top_of(decision.parent)) is not None:
        return block.below(parent, new), f"added below {parent}"
    return block.beside(new, decision.after), "added"


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
    examples = tuple(dict.fromkeys([*old.examples, *new.examples]))
    return replace(old, text=text, examples=examples, receipt=receipt or before)


def _joined(before: Receipt | None, cause: Receipt, name: str) -> tuple[str, ...]:
    earlier: Sequence[Any] = getattr(before, name) if before else ()
    return tuple(dict.fromkeys([*earlier, *getattr(cause, name)]))
