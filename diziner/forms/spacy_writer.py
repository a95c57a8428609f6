"""Writer of spaCy's DocBin files; it needs spaCy, an extra."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import atomic, dump_line, refuse_key_in
from diziner.common.secret_values import knows_keys
from diziner.forms.exported import Exported

LANGUAGE = "xx"  # tokens are the documents' own, so that any will do


def write_docbin(path: Path, documents: Iterable[Exported]) -> None:
    """Write a DocBin of documents with their own tokens, the mentions as entities, and as `doc.user_data` the ids
    and what else is said.

    Blanks between tokens are written as spaCy can: one or none.
    Errors: UserError without spaCy.
    """
    try:
        import spacy
        from spacy.tokens import Doc, DocBin, Span
    except ImportError:
        raise UserError("--to docbin: needs spaCy; install it with: pip install 'diziner[spacy]'") from None
    vocabulary = spacy.blank(LANGUAGE).vocab
    made = DocBin(attrs=["ENT_IOB", "ENT_TYPE"], store_user_data=True)
    for document in documents:
        if knows_keys():
            refuse_key_in(path, dump_line(asdict(document)))
        doc = Doc(vocabulary, words=list(document.tokens), spaces=_spaces(document), user_data=_data(document))
        if document.labels is not None:
            doc.set_ents([Span(doc, each.start, each.end, each.label) for each in document.labels.mentions])
        made.add(doc)
    with atomic(path) as temporary:
        temporary.write_bytes(made.to_bytes())


def _data(document: Exported) -> dict[str, Any]:
    """Return a document's id, and what else is said about it as one text, a JSON object."""
    return {"id": document.id} | ({"other": dump_line(document.other)} if document.other else {})


def _spaces(document: Exported) -> list[bool]:
    found, end = [], 0
    for token in document.tokens:
        start = document.text.index(token, end)
        end = start + len(token)
        found.append(document.text[end : end + 1].isspace())
    return found
