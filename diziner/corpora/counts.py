"""Counts of sentences and mentions, as a corpus has them and as its card says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from diziner.common.words import counted
from diziner.corpora.card import Card, Counts
from diziner.corpora.corpus import Corpus, Labelled


def expected_counts(card: Card, source: str) -> Mapping[str, tuple[Counts, ...]]:
    """Return what the card says that a source holds, for each split one or several copies; {} where it says nothing."""
    return card.sources[source].expected if source in card.sources else {}


def type_counts(documents: tuple[Labelled, ...]) -> dict[str, int]:
    """Return mentions by label, labels in alphabetical order."""
    counted = Counter(span.type for each in documents for span in each.spans or ())
    return dict(sorted(counted.items()))


def count_differences(expected: Mapping[str, Sequence[Counts]], corpus: Corpus) -> tuple[str, ...]:
    """Return where a corpus differs from expected counts, in words. Types are compared only if there is gold.

    Where a split has counts of several copies it is to be one of them; differences are from the one of the nearest
    number of sentences.
    """
    differences: list[str] = []
    for split, copies in expected.items():
        documents = corpus.pilot if split == "pilot" else corpus.test
        own = [_differences(split, counts, documents) for counts in copies]
        if all(own):
            nearest = min(range(len(copies)), key=lambda place: abs(copies[place].sentences - len(documents)))
            differences += own[nearest]
            others = [counts.sentences for place, counts in enumerate(copies) if place != nearest]
            if others:
                named = [*map(str, others[:-1]), counted(others[-1], "sentence")]
                differences[-1] += f" (or a copy of {', '.join(named)})"
    return tuple(differences)


def _differences(split: str, counts: Counts, documents: tuple[Labelled, ...]) -> list[str]:
    found = {"sentences": len(documents)}
    wanted = {"sentences": counts.sentences}
    if counts.types and any(each.spans is not None for each in documents):
        found |= {f"type {label}": number for label, number in type_counts(documents).items()}
        wanted |= {f"type {label}": number for label, number in counts.types.items()}
    return [
        f"{split} {what}: found {found.get(what, 0)}, expected {wanted.get(what, 0)}"
        for what in sorted(found.keys() | wanted.keys())
        if found.get(what, 0) != wanted.get(what, 0)
    ]
