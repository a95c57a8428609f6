"""Bounds on new instructions, checked in code: a limit that is only asked for is no limit (D17)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diziner.common.errors import UserError
from diziner.common.plain import shortened
from diziner.guideline.instruction_examples import plain_text, with_labels
from diziner.records.guideline import EntityType, Example, Guideline, Instruction, Receipt
from diziner.spans.marked import parse_marked
from diziner.supervisor.evidence import NO_ENTITY
from diziner.supervisor.settings import SupervisorSettings

LONGEST_LINE = 200  # words; no instruction that a person could follow is longer
_LETTERS = 20  # of a word, on average, from which it is none, or the script sets no blanks
_NAMED = 60  # characters of a line that has no id yet, where a reason names it
_COPY = 5  # words from which a part of a definition is a copy of it

Reading = str | tuple[tuple[str, str], ...]  # an annotation in a word, or mentions with their labels


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new instruction of phase 3. `annotator` is None for a common one; `replaces` is an id or empty; `addresses`
    are the ids of the patterns and needs that it settles, where phases name them."""

    instruction: Instruction
    annotator: str | None = None
    replaces: str = ""
    addresses: tuple[str, ...] = ()


def written(
    item: Mapping[str, Any], receipt: Receipt, annotator: str | None = None, addresses: tuple[str, ...] = ()
) -> Candidate:
    """Return an instruction of a supervisor's answer: text on one line, examples that say anything, no id yet."""
    examples = tuple(Example(**example) for example in item["examples"] if example["text"].strip())
    instruction = Instruction(id="", text=on_one_line(item["text"]), examples=examples, receipt=receipt)
    return Candidate(instruction, annotator, item["replaces"], addresses)


@dataclass(frozen=True, slots=True)
class Cut:
    """A text of the supervisor that goes no further, and why; `of` is the instruction that a cut example belongs to."""

    text: str
    reason: str
    of: str = ""


def fault(cut: Cut) -> str:
    """Return what was cut and why, as a repair turn says it."""
    return f"{cut.text!r} {cut.reason}" if not cut.of else f"example {cut.text!r} of {cut.of!r}: {cut.reason}"


def number_limit(annotator: str | None, settings: SupervisorSettings, beside: Iterable[Candidate]) -> str:
    """Return why no more instruction for these annotators can go on beside others; empty if one can."""
    limit = settings.max_common if annotator is None else settings.max_specific
    count = sum(other.annotator == annotator for other in beside)
    return f"over the limit of {limit}" if limit is not None and count >= limit else ""


def within_limits(
    candidates: Sequence[Candidate],
    guideline: Guideline,
    settings: SupervisorSettings,
    foreign: frozenset[str] = frozenset(),
    rejected: Sequence[str] = (),
    beside: Sequence[Candidate] = (),
) -> tuple[list[Candidate], list[Cut]]:
    """Return candidates that may go on, in order, and what was cut, each with the reason.

    Examples are cut that are longer than `max_example_words`, whose brackets cannot be read or that name no type of the
    scheme. Candidates are cut that are empty, longer than `LONGEST_LINE` words, only repeat a definition, another
    candidate or what was tried and taken back (`rejected`), replace a line that is not theirs to replace, take over
    words of the worked examples (`foreign`), contradict an example, or are over a limit of number. `beside` are
    candidates that go on already. Limits of None do not bind. What is cut here is what the prompts announce.
    """
    kept: list[Candidate] = []
    cut: list[Cut] = []
    seen = {(other.annotator, folded(other.instruction.text)) for other in beside}
    tried = {folded(text) for text in rejected}
    for raw in candidates:
        candidate, examples_cut = _with_fit_examples(raw, guideline.types, settings.max_example_words)
        cut += examples_cut
        group, text = candidate.annotator, folded(candidate.instruction.text)
        bound = (other.instruction for other in (*beside, *kept) if other.annotator in {None, group})
        reason = (
            unfit(candidate.instruction.text, guideline.types)
            or _not_replaceable(candidate, guideline)
            or foreign_words(_all_text(candidate.instruction), foreign)
            or ("was tried and taken back" if text in tried else "")
            or contradiction(candidate, guideline, bound)
            or ("repeats another" if (group, text) in seen else "")
            or number_limit(group, settings, (*beside, *kept))
        )
        if reason:
            cut.append(Cut(candidate.instruction.text, reason))
            continue
        seen.add((group, text))
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

    The line that it replaces does not count; nor does the same mention in another text, or the same letters in another
    case where mentions are in brackets (`[Turkey|LOC]`, `turkey`): that is a contrast, and welcome. Empty if there is
    none.
    """
    standing = [*guideline.common, *guideline.specific.get(candidate.annotator or "", ()), *beside]
    readings: dict[tuple[bool, str], tuple[Reading, str]] = {}
    for top in standing:
        for entry in (top, *top.children):
            if not candidate.replaces or entry.id != candidate.replaces:
                name = entry.id or repr(shortened(entry.text, _NAMED))  # new ones have no id yet
                for example in entry.examples:
                    readings.setdefault(_compared(example), (_reading(example), name))
    for example in candidate.instruction.examples:
        reading = _reading(example)
        before, where = readings.setdefault(_compared(example), (reading, ""))
        if before != reading:
            place = f"contradicts {where}" if where else "contradicts itself"
            return f"{place}: {plain_text(example)!r} is {_said(before)} there and {_said(reading)} here"
    return ""


def words_of(instructions: Iterable[Instruction]) -> int:
    """Return words of instructions with their children and examples, as annotators are shown them."""
    return sum(len(text.split()) for top in instructions for text in _all_texts(top))


def on_one_line(text: str) -> str:
    """Return a text without line breaks, word for word: blanks within a line stay as they are, of whatever width.

    >>> on_one_line(" Mark «\u00a0Le Monde\u00a0».\\n\\n  2) Mark it. ")
    'Mark «\\xa0Le Monde\\xa0». 2) Mark it.'
    """
    return " ".join(part for line in text.splitlines() if (part := line.strip()))


def folded(text: str) -> str:
    """Return a text as it is compared: case, spacing and a full stop at the end do not count."""
    return " ".join(text.casefold().split()).rstrip(".")


def _with_fit_examples(
    candidate: Candidate, types: Sequence[EntityType], max_words: int | None
) -> tuple[Candidate, list[Cut]]:
    names = {t.name.casefold() for t in types} | {NO_ENTITY}
    by_label = {t.label.casefold(): t.name for t in types}
    kept: list[Example] = []
    cut: list[Cut] = []
    for example in candidate.instruction.examples:
        try:
            text = example.text if example.annotation else with_labels(example.text, types)
        except UserError as error:
            cut.append(Cut(example.text, f"an example that cannot be read: {error}", candidate.instruction.text))
            continue
        said = example.annotation.casefold()
        annotation = by_label.get(said, example.annotation) if said not in names else example.annotation
        fit = replace(example, text=text, annotation=annotation)
        if max_words is not None and len(plain_text(fit).split()) > max_words:
            cut.append(Cut(example.text, f"an example of more than {max_words} words", candidate.instruction.text))
        elif said and annotation.casefold() not in names:
            reason = f"an example annotated as {example.annotation!r}, which is no type"
            cut.append(Cut(example.text, reason, candidate.instruction.text))
        else:
            kept.append(fit)
    return replace(candidate, instruction=replace(candidate.instruction, examples=tuple(kept))), cut


def unfit(text: str, types: Sequence[EntityType]) -> str:
    """Return why a text can be no line of a guideline; empty if it can be one."""
    words = text.split()
    if not words:
        return "is empty"
    if len(words) > LONGEST_LINE or len(text) > LONGEST_LINE * _LETTERS:
        return f"is longer than {LONGEST_LINE} words"
    said = folded(text)
    for t in types:
        own = {folded(t.definition), folded(f"{t.name}: {t.definition}"), folded(f"{t.label}: {t.definition}")}
        if said in own or (len(words) >= _COPY and said in folded(t.definition)):
            return f"repeats the definition of {t.name}"
    return ""


def _not_replaceable(candidate: Candidate, guideline: Guideline) -> str:
    if not candidate.replaces:
        return ""
    block = guideline.common if candidate.annotator is None else guideline.specific.get(candidate.annotator, ())
    lines = [line for top in block for line in (top, *top.children)]
    allowed = ", ".join(line.id for line in lines if line.receipt) or "none"
    found = next((line for line in lines if line.id == candidate.replaces), None)
    if found is None:
        return f"replaces {candidate.replaces}, which is no line of the same annotators; there are: {allowed}"
    return "" if found.receipt else f"replaces {candidate.replaces}, a person's line; it may replace: {allowed}"


def _compared(example: Example) -> tuple[bool, str]:
    """Return what examples of the same text have in common. Models that say the annotation in a word are small ones, to
    which case is nothing."""
    in_a_word = bool(example.annotation)
    return in_a_word, folded(example.text) if in_a_word else _spaced(plain_text(example))


def _reading(example: Example) -> Reading:
    if example.annotation:
        return folded(example.annotation)
    plain, marks = parse_marked(example.text)
    return tuple((_spaced(plain[mark.start : mark.end]), mark.type) for mark in marks)


def _spaced(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _said(reading: Reading) -> str:
    if isinstance(reading, str):
        return reading
    return ", ".join(f"[{text}|{kind}]" for text, kind in reading) or "no mention"


def _all_text(instruction: Instruction) -> str:
    return " ".join(_all_texts(instruction))


def _all_texts(top: Instruction) -> list[str]:
    return [
        text
        for entry in (top, *top.children)
        for text in (
            entry.text,
            *(part for e in entry.examples for part in (e.text, e.annotation, e.explanation, e.error)),
        )
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())
