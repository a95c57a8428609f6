"""Windows of models: which requests do not fit into the tokens that a model can see, before it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from diziner.prices import likely_tokens, room_needed
from diziner.prompting.request import Request

NAMED = 5  # that a line names
_DOCUMENT = "document "  # how what requests are about begins, but for the supervisor's
_LESS_EVIDENCE = "show the supervisor less (params supervisor.max_evidence_tokens), or serve it with a larger window"


class Window(NamedTuple):
    """What a model can see, in tokens, prompt and answer together; None where nobody has said."""

    model: str
    tokens: int | None


class TooLong(NamedTuple):
    """A request that does not fit: what it is about, and about how many tokens it takes with its longest answer."""

    about: str
    tokens: int


def too_long(requests: Iterable[Request], window: Window) -> list[TooLong]:
    """List the requests that do not fit into a window."""
    if window.tokens is None:
        return []
    needed = ((request.about, room_needed(request)) for request in requests)
    return [TooLong(about, tokens) for about, tokens in needed if tokens > window.tokens]


class Measure:
    """Measure of the texts that a conversation takes in, by one request about `text`: requests need not be made."""

    def __init__(self, probe: Request, text: str, window: Window) -> None:
        self._around = room_needed(probe) - likely_tokens(text)
        self._window = window

    def too_long(self, name: str, text: str) -> TooLong | None:
        """Return the request about a document of that name and text if it would not fit."""
        needed = self._around + likely_tokens(text)
        fits = self._window.tokens is None or needed <= self._window.tokens
        return None if fits else TooLong(f"{_DOCUMENT}{name}", needed)


def said_of(found: Iterable[tuple[Window, Sequence[TooLong]]], chunk_tokens: int | None) -> list[str]:
    """Return a line for each model that would be asked more than it can see, about documents and about other things.

    What is asked about twice counts once. `chunk_tokens` is the setting as it is.
    """
    lines: dict[tuple[Window, bool], dict[str, int]] = {}
    for window, requests in found:
        for about, tokens in requests:
            known = lines.setdefault((window, about.startswith(_DOCUMENT)), {})
            known[about] = max(tokens, known.get(about, 0))
    return [
        in_words(len(known), [*map(TooLong._make, known.items())], window, chunk_tokens, documents)
        for (window, documents), known in lines.items()
    ]


def in_words(
    count: int, first: Sequence[TooLong], window: Window, chunk_tokens: int | None, documents: bool = True
) -> str:
    """Say in one line that so many requests do not fit, the first few by name, and what helps.

    >>> in_words(2, [TooLong("document d7", 12400), TooLong("document d9", 9000)], Window("m", 8192), None)
    '2 documents do not fit into the 8,192 tokens that m sees, with the longest answer: document d7 (about 12,400), \
document d9 (about 9,000): have them cut into chunks (params answers.chunk_tokens), or serve the model with a larger \
window'
    """
    what = "document" if documents else "request"
    subject = f"1 {what} does" if count == 1 else f"{count:,} {what}s do"
    named = ", ".join(f"{each.about or 'of the supervisor'} (about {each.tokens:,})" for each in first[:NAMED])
    more = f" and {count - NAMED:,} more" if count > NAMED else ""
    chunks = "smaller chunks" if chunk_tokens else "chunks"
    remedy = f"have them cut into {chunks} (params answers.chunk_tokens), or serve the model with a larger window"
    return (
        f"{subject} not fit into the {window.tokens:,} tokens that {window.model} sees, with the longest answer: "
        f"{named}{more}: {remedy if documents else _LESS_EVIDENCE}"
    )
