"""Bounds on new instructions, checked in code: a limit that is only asked for is no limit (D17)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from diziner.records.guideline import EntityType, Example, Guideline, Instruction
from diziner.supervisor.evidence import NO_ENTITY
from diziner.supervisor.settings import SupervisorSettings


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new instruction of phase 3. `annotator` is None for a common one; `replaces` is an id or empty;
    `spans` are the strings of the disagreements that caused it."""

    instruction: Instruction
    annotator: str | None = None
    replaces: str = ""
    spans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """A text of the supervisor that goes no further, and why."""

    text: str
    reason: str


def within_limits(
    candidates: Sequence[Candidate],
    guideline: Guideline,
    settings: SupervisorSettings,
    foreign: frozenset[str] = frozenset(),
    rejected: Sequence[str] = (),
) -> tuple[list[Candidate], list[Cut]]:
    """Return candidates that may go on, in order, and what was cut, each with the reason.

    Cut are examples that are long enough to give a document away or name no type of the scheme, and
    candidates that name neither a type nor a string of their disagreements (nobody could follow such a line),
    that take over words of the worked examples (`foreign`), that were tried and taken back (`rejected`), that
    contradict an example that stands, repeat an earlier candidate, or are over a limit of number.
    """
    kept: list[Candidate] = []
    cut: list[Cut] = []
    seen: set[tuple[str | None, str]] = set()
    count: dict[str | None, int] = {}
    tried = {folded(text) for text in rejected}
    names = {t.name.casefold() for t in guideline.types} | {NO_ENTITY}
    for raw in candidates:
        candidate, examples_cut = _with_fit_examples(raw, names, settings.max_example_words)
        cut += examples_cut
        group, text = candidate.annotator, folded(candidate.instruction.text)
        limit = settings.max_common if group is None else settings.max_specific
        reason = (
            _unfollowable(text, candidate, guideline.types)
            or foreign_words(_all_text(candidate.instruction), foreign)
            or ("was tried and taken back" if text in tried else "")
            or contradiction(
                candidate, guideline, (other.instruction for other in kept if other.annotator in {None, group})
            )
            or ("repeats another" if (group, text) in seen else "")
            or ("over the limit" if count.get(group, 0) >= limit else "")
        )
        if reason:
            cut.append(Cut(candidate.instruction.text, reason))
            continue
        seen.add((group, text))
        count[group] = count.get(group, 0) + 1
        kept.append(candidate)
    return kept, cut


def foreign_words(text: str, foreign: frozenset[str]) -> str:
    """Return why a text is no answer to its own case: it takes over words of the worked examples. Empty if it does
    not."""
    found = [word for word in dict.fromkeys(_words(text)) if word in foreign]
    return f"takes over from the worked examples: {', '.join(found)}" if found else ""


def foreign_to(guideline: Guideline, shown: Iterable[str], words: Iterable[str]) -> frozenset[str]:
    """Return those of `words` (the worked examples' own) that neither the guideline nor the disagreements contain."""
    own = [guideline.goal.documents, guideline.goal.purpose, guideline.goal.types, guideline.goal.use]
    own += [text for t in guideline.types for text in (t.name, t.definition, *t.positive, *t.negative)]
    own += [text for top in guideline.common for text in _all_texts(top)]
    own += [text for block in guideline.specific.values() for top in block for text in _all_texts(top)]
    known = {word for text in (*own, *shown) for word in _words(text)}
    return frozenset(word for word in words if word not in known)


def contradiction(candidate: Candidate, guideline: Guideline, beside: Iterable[Instruction] = ()) -> str:
    """Return why a candidate cannot stand beside what binds the same annotator: the same text annotated otherwise.

    The instruction that it replaces does not count. Empty if there is none.
    """
    standing = [*guideline.common, *guideline.specific.get(candidate.annotator or "", ()), *beside]
    readings: dict[str, tuple[str, str]] = {}
    for top in standing:
        if not candidate.replaces or top.id != candidate.replaces:  # ids are given later: new ones have none yet
            for entry in (top, *top.children):
                for example in entry.examples:
                    readings.setdefault(folded(example.text), (folded(example.annotation), entry.id))
    for example in candidate.instruction.examples:
        text, annotation = folded(example.text), folded(example.annotation)
        before, where = readings.setdefault(text, (annotation, ""))
        if before != annotation:
            place = f"contradicts {where}" if where else "contradicts itself"
            return f"{place}: {example.text!r} is {before} there and {annotation} here"
    return ""


def words_of(instructions: Iterable[Instruction]) -> int:
    """Return words of instructions with their children and examples, as annotators are shown them."""
    return sum(len(text.split()) for top in instructions for text in _all_texts(top))


def folded(text: str) -> str:
    """Return a text as it is compared: case, spacing and a full stop at the end do not count."""
    return " ".join(text.casefold().split()).rstrip(".")


def _with_fit_examples(candidate: Candidate, names: set[str], max_words: int) -> tuple[Candidate, list[Cut]]:
    kept: list[Example] = []
    cut: list[Cut] = []
    for example in candidate.instruction.examples:
        if len(example.text.split()) > max_words:
            cut.append(Cut(example.text, f"an example of more than {max_words} words"))
        elif example.annotation.casefold() not in names:
            cut.append(Cut(example.text, f"an example annotated as {example.annotation!r}, which is no type"))
        else:
            kept.append(example)
    return replace(candidate, instruction=replace(candidate.instruction, examples=tuple(kept))), cut


def _unfollowable(text: str, candidate: Candidate, types: Sequence[EntityType]) -> str:
    names = [name for t in types for name in (t.name, t.label)]
    named = any(folded(string) in text for string in (*names, *candidate.spans) if len(string) > 1)
    return "" if named else "names no type and no string of the disagreement"


def _all_text(instruction: Instruction) -> str:
    return " ".join(_all_texts(instruction))


def _all_texts(top: Instruction) -> list[str]:
    return [
        text
        for entry in (top, *top.children)
        for text in (entry.text, *(part for e in entry.examples for part in (e.text, e.annotation, e.explanation)))
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())
