"""Labelled rows: a document with its annotation and the characters of each mention, which need no other file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diziner.records.annotations import Annotation, annotation_to_json
from diziner.records.documents import Document, Range, document_row, token_offsets


def labelled_row(document: Document, annotation: Annotation) -> dict[str, Any]:
    """Return a row of `labelled.schema.json`: the document, and its annotation or the failure in place of one.

    `text` is the document's own, not its tokens joined. Each mention stands in it at `characters`, counted in code
    points as Python does, and `surfaces` has what stands there.

    >>> from diziner.records.annotations import Span
    >>> document = Document("d", ("São", "Paulo", "won"), "São  Paulo won")
    >>> row = labelled_row(document, Annotation("d", (Span(0, 2, "LOC"),)))
    >>> row["characters"], row["surfaces"]
    ([[0, 10]], ['São  Paulo'])
    """
    places = characters_of(document, annotation)
    return {
        **document_row(document),
        **annotation_to_json(annotation),
        "characters": [list(place) for place in places],
        "surfaces": [document.text[first:last] for first, last in places],
    }


def characters_of(document: Document, annotation: Annotation) -> Sequence[Range]:
    """Return the characters of each span: those that were answered where they are known, else those of its tokens."""
    if annotation.characters or not annotation.spans:
        return annotation.characters
    offsets = token_offsets(document.tokens, document.text)
    return tuple((offsets[span.start][0], offsets[span.end - 1][1]) for span in annotation.spans)
