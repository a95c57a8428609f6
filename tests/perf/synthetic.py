"""Random documents and imperfect annotators, from a seed."""

from __future__ import annotations

import random

from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.documents import Document

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")


def make_corpus(
    documents: int, annotators: int, types: int = 4, *, length: int = 25, failing: float = 0.0, seed: int = 0
) -> tuple[list[Document], dict[str, list[Annotation]], list[str]]:
    """Documents of about `length` tokens; annotators miss, rename and widen spans, ever more by number."""
    chance = random.Random(seed)
    labels = [f"TYPE{number:02d}" for number in range(types)]
    texts: list[Document] = []
    rows: dict[str, list[Annotation]] = {f"annotator-{number:02d}": [] for number in range(annotators)}
    for number in range(documents):
        tokens = tuple(chance.choices(WORDS, k=chance.randint(length - 15, length + 15)))
        texts.append(Document(f"doc-{number:06d}", tokens, " ".join(tokens)))
        truth = _spans(len(tokens), labels, chance)
        for rank, own in enumerate(rows.values()):
            if number and chance.random() < failing:
                own.append(Annotation(texts[-1].id, failure=Failure("timeout", "no answer")))
            else:
                own.append(Annotation(texts[-1].id, _noisy(truth, labels, 0.03 + 0.01 * rank, chance)))
    return texts, rows, labels


def _spans(tokens: int, labels: list[str], chance: random.Random) -> list[Span]:
    found = []
    position = 0
    while position < tokens:
        if chance.random() < 0.12:
            end = min(tokens, position + chance.randint(1, 3))
            found.append(Span(position, end, chance.choice(labels)))
            position = end
        position += 1
    return found


def _noisy(truth: list[Span], labels: list[str], noise: float, chance: random.Random) -> tuple[Span, ...]:
    kept: list[Span] = []
    free = 0
    for span in truth:
        draw = chance.random()
        if draw < noise:
            continue
        name = chance.choice(labels) if draw < 2 * noise else span.type
        start = max(free, span.start - 1 if draw > 1 - noise else span.start)
        kept.append(Span(start, span.end, name))
        free = span.end
    return tuple(kept)
