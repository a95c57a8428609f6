"""Examples from agreement in an annotator's prompt: which of them a document is shown, and in what form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diziner.annotator.prompt import example_turns
from diziner.embedding.nearest import similarities
from diziner.guideline.agreed import Worked, worked
from diziner.prompting.request import Message
from diziner.prompting.templates import render
from diziner.records.documents import Document
from diziner.records.guideline import AgreedExamples, Guideline

READS = ("prompts/annotator",)


def shown_to(documents: Sequence[Document], agreed: AgreedExamples | None) -> list[list[Worked]]:
    """Return the examples that each document is shown, in the order of the prompt.

    fixed: the first ones, in the guideline's order. similar: those of the greatest cosine with the document, ties to
    the earlier one in the guideline, the most similar one last, next to the document; of examples without a mention
    the most similar one at most. An example with the document's own text is passed over: what annotators said of a
    document is no hint about it.
    """
    if agreed is None or not documents:
        return [[] for _ in documents]
    pool = [worked(example) for example in agreed.examples]
    if agreed.choice == "fixed":
        return [[e for e in pool if _words(e) != _words(document)][: agreed.shown] for document in documents]
    as_documents = [Document(str(number), entry.tokens, entry.text) for number, entry in enumerate(pool)]
    return [_most_similar(pool, document, similarities(document, as_documents), agreed.shown) for document in documents]


def with_examples(
    opening: tuple[Message, ...], examples: Sequence[Worked], names: Mapping[str, str]
) -> tuple[Message, ...]:
    """Return the opening of a conversation with examples at its end: turns, in front of instructions that stand beside
    the document; or, where all is one user message, a section of that. `names` are the types' by label."""
    if not examples:
        return opening
    turns = [
        turn
        for example in examples
        for turn in example_turns(example.text, [(text, names[label]) for text, label in example.mentions])
    ]
    *before, last = opening
    if last.role != "user":
        return (*opening, *turns)
    if before:  # the instructions, which stand beside the document
        return (*before, *turns, last)
    pairs = list(zip(turns[::2], turns[1::2], strict=True))
    section = render("annotator/document.examples.v1", pairs=pairs)
    return (*before, Message("user", f"{last.content}\n\n{section}"))


def names_of(guideline: Guideline) -> dict[str, str]:
    """Return the types' readable names by label."""
    return {t.label: t.name for t in guideline.types}


def _most_similar(pool: Sequence[Worked], document: Document, similar: Sequence[int], most: int) -> list[Worked]:
    own = _words(document)
    chosen: list[Worked] = []
    for number in sorted(range(len(pool)), key=lambda number: (-similar[number], number)):
        fits = pool[number].spans or all(entry.spans for entry in chosen)
        if len(chosen) < most and fits and _words(pool[number]) != own:
            chosen.append(pool[number])
    return chosen[::-1]


def _words(text: Document | Worked) -> list[str]:
    """Return what tells texts apart: words alone, since another file may have given the same text another id."""
    return text.text.casefold().split()
