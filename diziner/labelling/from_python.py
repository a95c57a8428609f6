"""Labelling a few texts from Python, by a guideline and one endpoint; `diziner label` is for corpora."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from diziner.annotator.annotate import annotate
from diziner.annotator.settings import AnnotatorSettings, AnswerSettings, annotator_settings
from diziner.common.errors import UserError
from diziner.common.files import schema_of, violation
from diziner.corpora.tokenize import tokenize
from diziner.endpoints import Endpoint, endpoint_from
from diziner.layout import store_path
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.records.annotations import Annotation
from diziner.records.documents import Document
from diziner.records.guideline import Guideline

_NAME = "python"  # of the endpoint and of the annotator: no part of an answer's meaning


def label(
    texts: Iterable[str | Document],
    guideline: Guideline,
    *,
    endpoint: Mapping[str, Any],
    model: str,
    annotator: Mapping[str, Any] | None = None,
    answers: AnswerSettings | None = None,
    store: str | Path | None = None,
) -> list[Annotation]:
    """Label texts by a guideline: one annotation each, in order; a failed one says why in `failure`.

    `endpoint` is an entry of params `endpoints` such as {"kind": "hosted", "api_base": "http://localhost:8000/v1"},
    `annotator` the rest of one of `annotators` (docs/settings.md): style, structured, temperature and so on. Answers
    are kept in `store`, by default that of the project or folder that you stand in: none is asked for twice. Works in
    a notebook too, where an event loop runs already.

    Errors: UserError for settings or texts that do not fit; ProviderError if more documents failed than `answers`
    allows (all may).
    """
    entry = {"structured": "none", "temperature": 0.0, "max_tokens": 2048, **(annotator or {}), "model": model}
    _check("endpoint", endpoint, "endpoints")
    _check("annotator", {**entry, "endpoint": _NAME}, "annotators")
    documents = [_document(text, number) for number, text in enumerate(texts, 1)]
    work = partial(
        _label,
        documents,
        guideline,
        endpoint_from(_NAME, endpoint, "endpoint: "),
        annotator_settings(_NAME, {**entry, "endpoint": _NAME}),
        answers or AnswerSettings(),
        store_path() if store is None else Path(store),
    )
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    # A notebook's loop cannot run another inside it.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def _label(
    documents: Sequence[Document],
    guideline: Guideline,
    endpoint: Endpoint,
    annotator: AnnotatorSettings,
    answers: AnswerSettings,
    store: Path,
) -> list[Annotation]:
    asker = StoreAsker(ResponseStore(store), {_NAME: endpoint})
    return annotate(documents, guideline, annotator, asker, f"{guideline.benchmark} label", answers).annotations


def _check(what: str, entry: Mapping[str, Any], section: str) -> None:
    if reason := violation(entry, schema_of("params")["properties"][section]["additionalProperties"]):
        raise UserError(f"{what}: {reason}")


def _document(text: str | Document, number: int) -> Document:
    if isinstance(text, Document):
        return text
    tokens = tokenize(text)
    if not tokens:
        raise UserError(f"texts: number {number} is empty; leave it out")
    return Document(f"#{number}", tokens, text)
