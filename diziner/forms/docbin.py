"""spaCy's DocBin files (.spacy); they need spaCy, an extra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.forms.form import Look, Task
from diziner.forms.jsonfiles import Value
from diziner.forms.jsonrows import rows_of_values
from diziner.forms.rows import Table

ENDING = ".spacy"


def docbin_table(task: Task) -> Table:
    """Return the documents of a file, with their entities.

    Errors: UserError without spaCy, and for a file that it cannot read.
    """
    return rows_of_values(task, _documents(task), "tokens")


def looks_like_docbin(look: Look) -> bool:
    """Whether a file has their ending."""
    return look.suffix == ENDING


def _documents(task: Task) -> Iterator[Value]:
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError:
        raise UserError(f"{task.path}: needs spaCy; install it with: pip install 'diziner[spacy]'") from None
    number = 0
    try:
        for document in DocBin().from_disk(task.path).get_docs(spacy.blank("xx").vocab):
            row: dict[str, Any] = {"text": document.text, "tokens": [token.text for token in document]}
            if document.has_annotation("ENT_IOB"):
                row["spans"] = [[span.start, span.end, span.label_] for span in document.ents]
            number += 1
            yield Value(f"{task.path}, row {number - 1}", row)
    except Exception as error:  # of zlib, msgpack, numpy or spaCy, whatever the damage is
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{task.path}: not a DocBin that can be read, after {counted(number, 'document')}: {reason}"
        ) from error
