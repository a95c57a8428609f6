"""Spans that are wider in tokens than in characters: what was given or answered ends inside a token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document, Range, token_offsets
from diziner.spans.folding import squeeze, without_invisible

EXAMPLES = 3  # that are named beside a count


class Widened(NamedTuple):
    """One such span: what was meant, and the text of the tokens that it touches."""

    id: str
    type: str
    text: str
    tokens: str


def widened_spans(document: Document, spans: Sequence[Span], characters: Sequence[Range]) -> list[Widened]:
    """List the spans whose tokens have more to see than their characters; none where characters are not known.

    >>> document = Document("d", ("d'Aumale", "came"), "d'Aumale came")
    >>> widened_spans(document, [Span(0, 1, "PER"), Span(1, 2, "X")], [(2, 8), (9, 13)])
    [Widened(id='d', type='PER', text='Aumale', tokens="d'Aumale")]
    """
    if not characters:
        return []
    offsets = token_offsets(document.tokens, document.text)
    found = []
    for span, (first, last) in zip(spans, characters, strict=True):
        whole = document.text[offsets[span.start][0] : offsets[span.end - 1][1]]
        if whole != document.text[first:last]:
            meant = document.text[first:last]
            if squeeze(without_invisible(whole)) != squeeze(without_invisible(meant)):
                found.append(Widened(document.id, span.type, meant, whole))
    return found


def widened_in(documents: Sequence[Document], annotations: Sequence[Annotation]) -> list[Widened]:
    """List those of all annotations, which are of these documents, in order."""
    pairs = zip(documents, annotations, strict=True)
    return [each for document, own in pairs for each in widened_spans(document, own.spans, own.characters)]


def counted(found: Iterable[Widened]) -> dict[str, object]:
    """Return their number, and the first few of them."""
    every = list(found)
    return {"count": len(every), "examples": [each._asdict() for each in every[:EXAMPLES]]}
