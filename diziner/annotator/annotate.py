"""Annotation of documents: ask for each, read the answer, place its mentions on tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from diziner.annotator.agreed_examples import names_of, shown_to, with_examples
from diziner.annotator.answers import EntityForm
from diziner.annotator.chunks import chunks_of, merged
from diziner.annotator.function import call_a_function
from diziner.annotator.labels import Labels
from diziner.annotator.outcomes import refuse_too_many_failures
from diziner.annotator.prompt import about, answer_schema, opening
from diziner.annotator.settings import FILE, MODEL, PYTHON, AnnotatorSettings, AnswerSettings, kind_in_words
from diziner.common.errors import ModelGoneError, UserError
from diziner.common.plugins import ANNOTATORS, found
from diziner.prompting.asker import Asker
from diziner.prompting.dialogue import Dialogue, ask_objects
from diziner.prompting.request import Request
from diziner.records.annotations import LEFT_OUT, Annotation, Failure
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Guideline
from diziner.records.usage import Usage
from diziner.spans.matching import match_answers

PLUG_IN_GROUPS = ("diziner.annotators",)  # a stage with this module behind it has the annotators' plug-ins behind it
ANSWERS = AnswerSettings()
MODEL_GONE = "as its model is gone"  # how the reason of an annotator begins that is left out for that


class Annotated(NamedTuple):
    """One annotation per document, in order, and what all requests took."""

    annotations: list[Annotation]
    usage: list[Usage]


# What a kind of annotator is: as `annotate`, with the settings of answers given.
Labeller = Callable[[Sequence[Document], Guideline, AnnotatorSettings, Asker, str, AnswerSettings], Annotated]


def annotate(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    label: str,
    answers: AnswerSettings = ANSWERS,
) -> Annotated:
    """Ask for one annotation per document, in order.

    An answer that stays unreadable is a failure, never an empty annotation. An annotator that the guideline
    leaves out is not asked: its rows are failures `left_out`.
    A kind of a plug-in labels in its own way, from the same arguments.
    Errors: UserError for an unknown kind; ProviderError with a table of causes if more documents failed than
    `answers` allows.
    """
    if annotator.name in guideline.left_out:
        return _left_out(documents, "by the guideline")
    labeller: Labeller = found(ANNOTATORS, annotator.kind, BUILT_IN)
    annotated = labeller(documents, guideline, annotator, asker, label, answers)
    if [row.id for row in annotated.annotations] != [document.id for document in documents]:
        raise UserError(f"{label}: annotator kind {annotator.kind}: it must give one row per document, in order")
    refuse_too_many_failures(annotated.annotations, answers, label)
    return annotated


def annotate_if_there(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    label: str,
    answers: AnswerSettings = ANSWERS,
) -> Annotated:
    """Do as `annotate`; an annotator whose model its endpoint does not have is left out, as if the guideline said so.

    Where that model has answered before, the asker has another error for it.
    """
    try:
        return annotate(documents, guideline, annotator, asker, label, answers)
    except ModelGoneError as error:
        return _left_out(documents, f"{MODEL_GONE}: {error}")


def _left_out(documents: Sequence[Document], reason: str) -> Annotated:
    failure = Failure(LEFT_OUT, reason)
    return Annotated([Annotation(document.id, failure=failure) for document in documents], [])


def ask_a_model(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    label: str,
    answers: AnswerSettings,
) -> Annotated:
    """Ask a language model for each document's mentions, of a long one chunk by chunk, and place them on tokens."""
    chunks = [chunks_of(document, answers) for document in documents]
    asked = [chunk.document for own in chunks for chunk in own]
    requests = requests_for(asked, guideline, annotator, asker, answers.show_goal)
    labels = Labels(guideline.types)
    forms = [EntityForm(document, guideline.types, labels) for document in asked]
    dialogues = ask_objects(asker, requests, forms, label, answers.repair_turns)
    rows = iter(
        [
            _annotation(document, dialogue, guideline.types, answers)
            for document, dialogue in zip(asked, dialogues, strict=True)
        ]
    )
    types = [t.label for t in guideline.types]
    annotations = [
        merged(document, own, list(islice(rows, len(own))), types, answers.nested)
        for document, own in zip(documents, chunks, strict=True)
    ]
    return Annotated(annotations, [used for dialogue in dialogues for used in dialogue.usage])


def ask_a_function(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    label: str,
    answers: AnswerSettings,
) -> Annotated:
    """Have a function of a package label the documents; no model is asked."""
    return Annotated(call_a_function(documents, guideline.types, annotator, label, answers.nested), [])


def refuse_a_file(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    label: str,
    answers: AnswerSettings,
) -> Annotated:
    """Raise UserError: labels that are a file are there for its documents and for no others."""
    raise UserError(
        f"{label}: annotators.{annotator.name} is {kind_in_words(annotator)}: its labels are a file, named in "
        "annotator_files; it cannot be asked for more"
    )


BUILT_IN: dict[str, Labeller] = {MODEL: ask_a_model, PYTHON: ask_a_function, FILE: refuse_a_file}


def requests_for(
    documents: Sequence[Document],
    guideline: Guideline,
    annotator: AnnotatorSettings,
    asker: Asker,
    show_goal: bool = True,
) -> list[Request]:
    """Return the first request of each document, or chunk of one."""
    address = asker.address(annotator.asked.endpoint)
    begun = opening(guideline, annotator, show_goal)
    examples, names = shown_to(documents, guideline.agreed), names_of(guideline)
    return [
        Request(
            address,
            annotator.asked,
            about(document, with_examples(begun, shown, names)),
            answer_schema(guideline.types, annotator.asked.structured, len(document.tokens)),
            f"document {document.id}",
            begun,
        )
        for document, shown in zip(documents, examples, strict=True)
    ]


def _annotation(
    document: Document, dialogue: Dialogue, types: Sequence[EntityType], settings: AnswerSettings
) -> Annotation:
    if dialogue.value is None:
        return Annotation(document.id, failure=dialogue.failure, repairs=dialogue.repairs, responses=dialogue.responses)
    labels = [t.label for t in types]
    matches = match_answers(
        document, dialogue.value["entities"], labels, settings.occurrences, settings.matching, settings.nested
    )
    return Annotation(
        document.id,
        spans=matches.spans,
        drops={**matches.drops, **dialogue.drops},
        forms=dialogue.forms,
        characters=matches.characters,
        matched=matches.matched,
        repairs=dialogue.repairs,
        responses=dialogue.responses,
    )
