"""Documents in, annotations out: ask for each, read the answer, place its mentions on tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from stages.annotator.prompt import about, answer_schema, opening
from stages.annotator.settings import AnnotatorSettings
from stages.contracts import Annotation, Document, EntityType, Guideline
from stages.files import validator
from stages.llm.ask import Asker
from stages.llm.dialogue import Dialogue, ask_objects
from stages.llm.request import Request
from stages.ner.matching import match_answers

Occurrences = Literal["all", "ordered"]


def annotate(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    label: str,
    occurrences: Occurrences = "all",
    repair_turns: int = 1,
) -> list[Annotation]:
    """One annotation per document, in order.

    `occurrences`: `all` gives the type to every occurrence of an answered string, `ordered` to the next one
    in answer order. An answer that stays unreadable is a failure, never an empty annotation.
    """
    requests = requests_for(documents, guideline, annotator, asker)
    dialogues = ask_objects(asker, requests, validator("answer"), label, repair_turns)
    return [
        _annotation(document, dialogue, guideline.types, occurrences)
        for document, dialogue in zip(documents, dialogues, strict=True)
    ]


def requests_for(
    documents: Sequence[Document], guideline: Guideline, annotator: AnnotatorSettings, asker: Asker
) -> list[Request]:
    """The first request of each document."""
    address = asker.endpoint(annotator.model.endpoint).address
    begun = opening(guideline, annotator)
    return [
        Request(
            address,
            annotator.model,
            about(document, begun),
            answer_schema(guideline.types, annotator.model.structured, len(document.tokens)),
        )
        for document in documents
    ]


def _annotation(
    document: Document, dialogue: Dialogue, types: Sequence[EntityType], occurrences: Occurrences
) -> Annotation:
    if dialogue.value is None:
        return Annotation(document.id, failure=dialogue.failure, repairs=dialogue.repairs, responses=dialogue.responses)
    labels = _labels_by_name(types)
    answers = [
        (entity["text"], labels.get(entity["type"].casefold().strip(), entity["type"]))
        for entity in dialogue.value["entities"]
    ]
    matches = match_answers(document, answers, [t.label for t in types], occurrences)
    return Annotation(
        document.id,
        spans=matches.spans,
        drops=matches.drops,
        repairs=dialogue.repairs,
        responses=dialogue.responses,
    )


def _labels_by_name(types: Sequence[EntityType]) -> dict[str, str]:
    """Readable names and labels, any case, to labels; a name wins over another type's label."""
    return {t.label.casefold(): t.label for t in types} | {t.name.casefold(): t.label for t in types}
