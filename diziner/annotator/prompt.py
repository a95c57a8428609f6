"""Prompt of an annotator for one document: messages and the schema its answer is held to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from diziner.annotator.settings import AnnotatorSettings
from diziner.annotator.task import PARTED, answer_with, instructions_beside, mentions_of, task_for
from diziner.guideline.file import worked_examples
from diziner.prompting.request import Message
from diziner.prompting.strict import strict
from diziner.prompting.templates import render
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Guideline

READS = ("prompts/annotator", "schemas/answer.schema.json")

_LONGEST_MENTION = 120  # characters, for grammars: no mention in the 18 benchmarks is longer
_MOST_MENTIONS = 40


def messages_for(document: Document, guideline: Guideline, annotator: AnnotatorSettings) -> tuple[Message, ...]:
    """Return the conversation that asks for one document's mentions.

    plain: one user message, guideline then document; with prompts v1.1 and v2 the guideline as system message, then the
    document, with v1.1 behind the instructions.
    few_shot: the guideline as system message, then each of its example sentences as a user turn answered by the
    assistant, then the document. Without the examples from agreement, which differ by document
    (`diziner.annotator.agreed_examples`).
    """
    return about(document, opening(guideline, annotator))


def opening(guideline: Guideline, annotator: AnnotatorSettings, show_goal: bool = True) -> tuple[Message, ...]:
    """Return what the conversations about all documents begin with; worked out once, it is most of the work."""
    goal, plain = guideline.goal if show_goal else None, annotator.style == "plain"
    task = task_for(annotator.prompt, guideline, goal, annotator.name, with_sentence=plain)
    turns = [Message("system" if annotator.prompt in PARTED or not plain else "user", task)]
    names = {t.label: t.name for t in guideline.types}
    for tokens, spans in () if plain else worked_examples(guideline):
        turns += example_turns(" ".join(tokens), mentions_of(tokens, spans, names))
    if beside := instructions_beside(annotator.prompt, guideline, annotator.name):
        turns.append(Message("user", beside))
    return tuple(turns)


def example_turns(text: str, mentions: Iterable[tuple[str, str]]) -> tuple[Message, Message]:
    """Return a text as an annotator is asked about it, and the answer that has these mentions: strings with the names
    of their types."""
    return Message("user", _document(text)), Message("assistant", answer_with(mentions))


def about(document: Document, opening: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the conversation about one document, from its opening. A user message takes the document in."""
    asked = _document(document.text)
    *before, last = opening
    if last.role == "user":
        return (*before, Message("user", f"{last.content}\n\n{asked}"))
    return (*opening, Message("user", asked))


def answer_schema(types: Sequence[EntityType], structured: str, tokens: int) -> dict[str, Any] | None:
    """Return the schema sent with a request; None where the model is not held to one.

    For grammars the list and its strings are bounded by the document's length in `tokens`, so that a small
    model that repeats itself still ends.
    """
    if structured not in {"json_schema", "grammar"}:
        return None
    text: dict[str, Any] = {"type": "string"}
    entities: dict[str, Any] = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"text": text, "type": {"type": "string", "enum": [t.name for t in types]}},
            "required": ["text", "type"],
            "additionalProperties": False,
        },
    }
    if structured == "grammar":
        text["maxLength"] = _LONGEST_MENTION
        entities["maxItems"] = min(_MOST_MENTIONS, 2 + tokens // 2)
    schema: dict[str, Any] = {
        "title": "entities",
        "type": "object",
        "properties": {"entities": entities},
        "required": ["entities"],
        "additionalProperties": False,
    }
    return schema if structured == "grammar" else strict(schema)


def _document(text: str) -> str:
    # A document cannot close its section: the closing tag inside it loses its shape.
    return render("annotator/document.v1", text=text.replace("</document", "< /document"))
