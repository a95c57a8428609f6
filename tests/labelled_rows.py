"""Labelled rows in many scripts, made by chance: what goes out to other tools in tests."""

from __future__ import annotations

import random
from typing import Any

from diziner.corpora.tokenize import tokenize
from diziner.records.annotations import Annotation, Span
from diziner.records.documents import Document
from diziner.records.labelled import labelled_row

Row = dict[str, Any]

WORDS = [
    "Ada",
    "saw",
    "São",
    "Paulo",
    "👩‍🚀",
    "d'Orange",
    "東京",
    "กรุงเทพ",
    "القاهرة",
    "e\u0301",
    "3.5%",
    '"so"',
    "a,b",
]


def rows(count: int) -> list[Row]:
    """Labelled rows in many scripts, with mentions of one token and more, and some without any."""
    draw = random.Random(7)
    found = []
    for number in range(count):
        text = " ".join(draw.choices(WORDS, k=draw.randrange(1, 12)))
        tokens = tokenize(text)
        spans, at = [], 0
        while at < len(tokens):
            end = min(len(tokens), at + draw.randrange(1, 4))
            if draw.random() < 0.4:
                spans.append(Span(at, end, draw.choice(["PER", "LOC", "MISC"])))
            at = end
        document = Document(f"d{number:05d}", tokens, text)
        found.append(labelled_row(document, Annotation(document.id, tuple(spans))))
    return found
