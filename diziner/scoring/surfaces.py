"""Surface strings of spans, and the text normalisation that string-based protocols share."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence

from diziner.records.annotations import Span
from diziner.records.documents import Document

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def surfaces(documents: Mapping[str, Document], spans: Mapping[str, Sequence[Span]]) -> Iterator[tuple[str, str, str]]:
    """Yield (document id, string, type) for each distinct span; the string is its tokens, space-joined."""
    for name, row in spans.items():
        tokens = documents[name].tokens
        for span in sorted(set(row)):
            yield name, " ".join(tokens[span.start : span.end]), span.type


def normalise(text: str) -> str:
    """Lower-case, delete ASCII punctuation, delete the words a, an and the, collapse whitespace.

    The SQuAD answer normalisation, which UniversalNER and GNER apply. It can leave the empty string
    ("The", "..."), which those scorers count like any other, and so do ours.
    """
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())
