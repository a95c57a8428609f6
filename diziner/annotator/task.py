"""Task of an annotator: what each template is given of the guideline.

annotate.v1: the guideline as it is. annotate.v1.1, for small local models: labels too, where it uses them; and what
annotators and rounds share comes first, the instructions stand beside the document, so that the beginning is read once
for all. annotate.v2, for hosted models: also a worked sentence; and it is parted from the document, a system message of
its own, since providers keep the beginning that many prompts share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from diziner.guideline.file import all_instructions, worked_examples
from diziner.guideline.instruction_examples import with_names
from diziner.prompting.templates import render
from diziner.records.annotations import Span
from diziner.records.guideline import EntityType, Example, Goal, Guideline, Instruction
from diziner.spans.marked import parse_marked

PARTED = ("annotate.v1.1", "annotate.v2")  # are a system message; others are one user message with the document

_BESIDE = {"annotate.v1.1": "annotator/instructions.v1.1"}  # instructions that stand beside the document

_ON_ONE_LEVEL = ("annotate.v1", "annotate.v1.1")  # show what is for one annotator alone so

_MORE = {"annotate.v1.1": ("labels",), "annotate.v2": ("labels", "worked")}
_REMARK = re.compile(r"\s\(\S[^()]*\)$")  # "hepatic (adjective)"; brackets that are tokens belong to the example
_TYPES_IN_MADE_UP = 3


class Worked(NamedTuple):
    """Worked sentence: its text, the text with mentions in brackets, and the answer that is asked for."""

    text: str
    mentions: str
    answer: str


def task_for(template: str, guideline: Guideline, goal: Goal | None, annotator: str, with_sentence: bool) -> str:
    """Return the template filled in, one of `prompts/annotator` unless its name has a folder; `with_sentence` adds a
    worked sentence where the template has a place for one: in conversations without earlier turns."""
    more: dict[str, Any] = {
        "labels": labels_to_tell(guideline),
        "worked": worked_sentence(guideline) if with_sentence else None,
    }
    own = {name: more[name] for name in _MORE.get(template, ())}
    if template not in _BESIDE:
        own |= _instructions(template, guideline, annotator)
    return render(template if "/" in template else f"annotator/{template}", goal=goal, types=guideline.types, **own)


def instructions_beside(template: str, guideline: Guideline, annotator: str) -> str:
    """Return the instructions as they stand beside the document; empty where there are none, or the task has them."""
    told = _instructions(template, guideline, annotator)
    if template not in _BESIDE or not (told["common"] or told["specific"]):
        return ""
    return render(_BESIDE[template], **told)


def _instructions(template: str, guideline: Guideline, annotator: str) -> dict[str, Any]:
    """Return a template's variables for the instructions that bind one annotator."""
    specific: Sequence[Instruction] = guideline.specific.get(annotator, ())
    if template in _ON_ONE_LEVEL:
        specific = [line for top in specific for line in (top, *top.children)]
    return {
        "common": with_names(guideline.common, guideline.types),
        "specific": with_names(specific, guideline.types),
        "shown_example": shown_example,
    }


def labels_to_tell(guideline: Guideline) -> dict[str, str]:
    """Return the labels that differ from their types' names, by name, if anything that annotators read uses one.

    `Philip Morris (the company: ORG)` says nothing to who knows of organizations only. If one is used, all are told:
    a type without its label beside others with theirs would seem to have none.
    """
    labels = {t.name: t.label for t in guideline.types if t.label.casefold() != t.name.casefold()}
    alternatives = "|".join(re.escape(label) for label in sorted(labels.values(), key=len, reverse=True))
    used = labels and any(re.search(rf"(?<!\w)(?:{alternatives})(?!\w)", text) for text in _texts(guideline))
    return labels if used else {}


def shown_example(example: Example) -> str:
    """Return an instruction's example as annotators are shown it: its mentions in brackets, or, where the record says
    the annotation in a word, the text and that word. Types in brackets are shown as they stand: by name, here. All on
    one line, so that no line of it is taken for another part of the prompt.

    >>> shown_example(Example("said [Amina Muhammad|person]", explanation="a name", error="said"))
    'said [Amina Muhammad|person] (a name). Wrong: said'
    >>> shown_example(Example("the team won")), shown_example(Example("Ajax won", "organization"))
    ('"the team won" -> no mention', '"Ajax won" -> organization')
    """
    if example.annotation:
        line = f'"{example.text}" -> {example.annotation}'
    else:
        plain, marks = parse_marked(example.text)
        line = example.text if marks else f'"{plain}" -> no mention'
    line += f" ({example.explanation})" if example.explanation else ""
    line += f". Wrong: {example.error}" if example.error else ""
    return " ".join(line.splitlines())


def worked_sentence(guideline: Guideline) -> Worked | None:
    """Return the guideline's own example sentence with the most types (then mentions, then the first); without any, one
    made up of its types' first examples; None if there are none either."""
    sentences = [(tokens, spans) for tokens, spans in worked_examples(guideline) if spans]
    if not sentences:
        sentences = [_made_up(guideline.types)]
    tokens, spans = max(sentences, key=lambda sentence: (len({s.type for s in sentence[1]}), len(sentence[1])))
    if not spans:
        return None
    names = {t.label: t.name for t in guideline.types}
    return Worked(" ".join(tokens), in_brackets(tokens, spans, names), answer_with(mentions_of(tokens, spans, names)))


def in_brackets(tokens: Sequence[str], spans: Sequence[Span], names: Mapping[str, str]) -> str:
    """Return a sentence with its mentions in brackets, for readers: types by name, nothing escaped.

    >>> in_brackets(("the", "Davis", "Cup"), [Span(1, 3, "MISC")], {"MISC": "miscellaneous name"})
    'the [Davis Cup|miscellaneous name]'
    """
    words = list(tokens)
    for span in spans:
        words[span.start] = f"[{words[span.start]}"
        words[span.end - 1] += f"|{names[span.type]}]"
    return " ".join(words)


def mentions_of(tokens: Sequence[str], spans: Sequence[Span], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a sentence's mentions as strings with the names of their types."""
    return [(" ".join(tokens[s.start : s.end]), names[s.type]) for s in spans]


def answer_with(mentions: Iterable[tuple[str, str]]) -> str:
    """Return the answer that is asked for, with these mentions: strings with the names of their types."""
    entities = [{"text": string, "type": name} for string, name in mentions]
    return json.dumps({"entities": entities}, ensure_ascii=False)


def _made_up(types: Sequence[EntityType]) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    tokens: list[str] = []
    spans: list[Span] = []
    for entity_type in [t for t in types if t.positive][:_TYPES_IN_MADE_UP]:
        words = _REMARK.sub("", entity_type.positive[0]).split()
        tokens += [","] if tokens else []
        spans.append(Span(len(tokens), len(tokens) + len(words), entity_type.label))
        tokens += words
    return (*tokens, "."), tuple(spans)


def _texts(guideline: Guideline) -> Iterator[str]:
    goal: Any = guideline.goal
    yield from (goal.documents, goal.purpose, goal.types, goal.use)
    for t in guideline.types:
        yield from (t.definition, *t.positive, *t.negative)
    for instruction in all_instructions(guideline):
        yield instruction.text
        for example in instruction.examples:
            yield from (example.annotation, example.explanation, example.error)
