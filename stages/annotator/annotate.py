"""Documents in, annotations out: ask for each, read the answer, place its mentions on tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from stages.annotator.failures import LEFT_OUT, refuse_too_many_failures
from stages.annotator.prompt import about, answer_schema, opening
from stages.annotator.settings import AnnotatorSettings, AnswerSettings
from stages.contracts import Annotation, Document, EntityType, Failure, Guideline
from stages.files import validator
from stages.llm.ask import Asker
from stages.llm.dialogue import Dialogue, ask_objects
from stages.llm.request import Request
from stages.ner.matching import match_answers

ANSWERS = AnswerSettings()


def annotate(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    label: str,
    answers: AnswerSettings = ANSWERS,
) -> list[Annotation]:
    """One annotation per document, in order.

    An answer that stays unreadable is a failure, never an empty annotation. An annotator that the guideline
    leaves out is not asked: its rows are failures `left_out`.
    Errors: ProviderError with a table of causes if more than `answers.max_failed_share` of the documents failed.
    """
    if annotator.name in guideline.left_out:
        return [Annotation(document.id, failure=Failure(LEFT_OUT, "by the guideline")) for document in documents]
    requests = requests_for(documents, guideline, annotator, asker, answers.show_goal)
    dialogues = ask_objects(asker, requests, validator("answer"), label, answers.repair_turns)
    annotations = [
        _annotation(document, dialogue, guideline.types, answers.occurrences)
        for document, dialogue in zip(documents, dialogues, strict=True)
    ]
    refuse_too_many_failures(annotations, answers.max_failed_share, label)
    return annotations


def requests_for(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    show_goal: bool = True,
) -> list[Request]:
    """The first request of each document."""
    address = asker.endpoint(annotator.model.endpoint).address
    begun = opening(guideline, annotator, show_goal)
    return [
        Request(
            address,
            annotator.model,
            about(document, begun),
            answer_schema(guideline.types, annotator.model.structured, len(document.tokens)),
            f"document {document.id}",
        )
        for document in documents
    ]


def _annotation(
    document: Document, dialogue: Dialogue, types: Sequence[EntityType], occurrences: Literal["all", "ordered"]
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
