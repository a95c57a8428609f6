"""Field cases of the way `answer`: a model's whole text about one document, read and matched, without a repair turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from annotating import annotate

from diziner.annotator.settings import AnnotatorSettings, AnswerSettings
from diziner.prompting.request import ModelSettings, Outcome, Request, Response
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline


class OneAnswer:
    """An asker that has one text for everything."""

    def __init__(self, text: str) -> None:
        self._text = text

    def address(self, endpoint: str) -> str:
        return endpoint

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        return [Response(self._text, "stop") for _ in requests]


def read_answer(text: str, document: str, types: Mapping[str, str]) -> Any:
    """The annotation that an answer about a document of tokens split at blanks comes to."""
    guideline = Guideline(
        "field",
        0,
        Goal("a", "b", "c", "d"),
        tuple(EntityType(label, name, f"A {name}.") for label, name in types.items()),
    )
    about = Document("d", tuple(document.split()), document)
    settings = AnnotatorSettings("reader", ModelSettings("here", "any"))
    return annotate([about], guideline, settings, OneAnswer(text), "field", AnswerSettings(repair_turns=0))[0]


def answer_outcome(case: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What a case of cases.json comes to: spans or a failure, in the form of its `accept`."""
    text = (folder / case["input"]).read_bytes().decode("utf-8")
    row = read_answer(text, case["document"], case["types"])
    if row.failure is not None:
        return {"failure": True}
    return {"spans": [[span.start, span.end, span.type] for span in row.spans]}
