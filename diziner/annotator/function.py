"""Annotators of the kind python: a function of an installed package gets documents and types, and gives mentions."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex

from diziner.annotator.outside import Mention, Placing
from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import UserError
from diziner.common.plugins import FUNCTIONS, found
from diziner.common.words import counted
from diziner.records.annotations import ABSENT, Annotation, Failure
from diziner.records.documents import Document
from diziner.records.guideline import EntityType

_NOTHING = Failure(ABSENT, "the function gave None")


def call_a_function(
    documents: Sequence[Document],
    types: Sequence[EntityType],
    annotator: AnnotatorSettings,
    label: str,
    nested: bool = False,
) -> list[Annotation]:
    """Return one row per document from what the entry's function gives: `function(documents, types, **options)`.

    It gives, for each document in order, mentions as (first character, one past the last, label), or None where it
    cannot label the document, which is a failure `absent`. No model is asked.
    Errors: UserError for an unknown function, one that cannot be called so, that raises, or gives something else, and
    where it gives None for all documents.
    """
    function = found(FUNCTIONS, annotator.function, {})
    who = f"{label}: function {annotator.function}"
    try:
        inspect.signature(function).bind(documents, types, **annotator.options)
    except TypeError as error:
        options = ", ".join(sorted(annotator.options)) or "none"
        raise UserError(f"{who}: cannot be called with documents, types and the options {options}: {error}") from None
    try:
        given = list(function(documents, types, **annotator.options))
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{who}: raised {reason}") from error
    if len(given) != len(documents):
        raise UserError(
            f"{who}: gave {counted(len(given), 'result')} for {counted(len(documents), 'document')}; it must "
            "give one for each"
        )
    if documents and all(mentions is None for mentions in given):
        raise UserError(f"{who}: gave None for all of {counted(len(documents), 'document')}")
    placing = Placing([t.label for t in types], annotator.type_map, nested)
    rows = []
    for document, mentions in zip(documents, given, strict=True):
        if mentions is None:
            rows.append(Annotation(document.id, failure=_NOTHING))
            continue
        try:
            rows.append(placing.row(document, _checked(mentions, document)))
        except UserError as error:
            raise UserError(f"{who}: {error}") from None
    placing.refuse_other_types(who)
    return rows


def _checked(mentions: Any, document: Document) -> list[Mention]:
    """Return a document's mentions, checked."""
    if not isinstance(mentions, Iterable) or isinstance(mentions, str | bytes):
        raise UserError(f"document {document.id!r}: {mentions!r:.80} is no list of mentions")
    checked = []
    for item in mentions:
        parts: Sequence[Any] = item if isinstance(item, list | tuple) and len(item) == 3 else (None, None, None)
        first, last, label = parts
        # Whole numbers of any kind will do, such as numpy's: packages of models give them.
        if not (_is_whole(first) and _is_whole(last) and isinstance(label, str)):
            raise UserError(
                f"document {document.id!r}: {item!r:.80} is not (first character, one past the last, label)"
            )
        checked.append((int(first), int(last), str(label)))
    return checked


def _is_whole(number: Any) -> bool:
    return isinstance(number, SupportsIndex) and not isinstance(number, bool)
