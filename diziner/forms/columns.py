"""Columns: documents of a file as arrays of tokens, their places in the text, spans and codes of types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Columns:
    """Documents in file order, as arrays.

    `text` has the texts of all, one after the other, one character apart. Token t is `text[starts[t]:ends[t]]`, and
    document d has the tokens `first_token[d]` to `first_token[d + 1]`. Span s is of the tokens `span_starts[s]` to
    `span_ends[s]`, counted through the whole file, of the type `types[span_types[s]]`; spans are sorted and do not
    overlap. `lines` says where in the file each document begins. `repairs` counts ill-formed tags. `ids` are those of
    the documents, if the file has some.
    """

    text: str
    starts: Numbers
    ends: Numbers
    first_token: Numbers
    span_starts: Numbers
    span_ends: Numbers
    span_types: Numbers
    types: tuple[str, ...]
    lines: Numbers
    repairs: int = 0
    said: str = ""
    ids: tuple[str, ...] = ()

    @property
    def documents(self) -> int:
        return len(self.first_token) - 1

    def span_documents(self) -> NDArray[np.int64]:
        """Return the document of each span."""
        import numpy as np

        return np.searchsorted(self.first_token, self.span_starts, side="right").astype(np.int64) - 1

    def tokens(self, document: int) -> tuple[str, ...]:
        """Return the tokens of a document."""
        first, last = self.first_token[document], self.first_token[document + 1]
        places = zip(self.starts[first:last].tolist(), self.ends[first:last].tolist(), strict=True)
        return tuple(self.text[start:end] for start, end in places)

    def same_tokens(self, other: Columns) -> bool:
        """Whether another file has the same documents, token by token."""
        import numpy as np

        return (
            self.ids == other.ids
            and self.text == other.text
            and all(
                np.array_equal(getattr(self, name), getattr(other, name)) for name in ("starts", "ends", "first_token")
            )
        )


def surfaces_of(columns: Columns) -> Sequence[str]:
    """Return the text of each span: its tokens joined by one blank, as they are where there is no other text."""
    first = columns.starts[columns.span_starts].tolist()
    last = columns.ends[columns.span_ends - 1].tolist()
    return [columns.text[start:end] for start, end in zip(first, last, strict=True)]
