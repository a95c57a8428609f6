"""Counts of sentences and mentions, as a corpus has them and as its card says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from diziner.corpora.card import Card, Counts
from diziner.corpora.corpus import Corpus, Labelled


def expected_counts(card: Card, source: str) -> Mapping[str, Counts]:
    """Return what the card says that a source holds; {} where it says nothing."""
    return card.sources[source].expected if source in card.sources else {}


def type_counts(documents: tuple[Labelled, ...]) -> dict[str, int]:
    """Return mentions by label, labels in alphabetical order."""
    counted = Counter(span.type for each in documents for span in each.spans or ())
    return dict(sorted(counted.items()))


def count_differences(expected: Mapping[str, Counts], corpus: Corpus) -> tuple[str, ...]:
    """Return where a corpus differs from expected counts, in words. Types are compared only if there is gold."""
    differences = []
    for split, counts in expected.items():
        documents = corpus.pilot if split == "pilot" else corpus.test
        found = {"sentences": len(documents)}
        wanted = {"sentences": counts.sentences}
        if counts.types and any(each.spans is not None for each in documents):
            found |= {f"type {label}": number for label, number in type_counts(documents).items()}
            wanted |= {f"type {label}": number for label, number in counts.types.items()}
        for what in sorted(found.keys() | wanted.keys()):
            if found.get(what, 0) != wanted.get(what, 0):
                differences.append(f"{split} {what}: found {found.get(what, 0)}, expected {wanted.get(what, 0)}")
    return tuple(differences)
