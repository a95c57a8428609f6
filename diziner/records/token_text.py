"""Text of a document to show, with the place of each of its tokens."""

from __future__ import annotations

from diziner.common.errors import UserError
from diziner.records.documents import Document, Range, token_offsets


def text_with_offsets(document: Document) -> tuple[str, tuple[Range, ...]]:
    """Return a document's text and where each token stands in it; of a text that is not that of the tokens, these with
    blanks between.

    >>> text_with_offsets(Document("d", ("Bank", "of"), "Bank  of")), text_with_offsets(Document("d", ("a", "b"), "x"))
    (('Bank  of', ((0, 4), (6, 8))), ('a b', ((0, 1), (2, 3))))
    """
    try:
        return document.text, token_offsets(document.tokens, document.text)
    except UserError:
        text = " ".join(document.tokens)
        return text, token_offsets(document.tokens, text)
