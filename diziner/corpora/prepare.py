"""Preparation of a loaded corpus for the pipeline: pilot sets, test documents, gold, a manifest."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from diziner.common.errors import UserError
from diziner.corpora.card import Card
from diziner.corpora.corpus import Corpus, Labelled
from diziner.corpora.counts import count_differences, expected_counts, type_counts
from diziner.corpora.pilot import pilot_sets
from diziner.corpora.pins import Pins, pinned_sets
from diziner.corpora.settings import CorpusSettings
from diziner.corpora.tokenize import TOKENIZER
from diziner.records.annotations import Span
from diziner.records.documents import Document, Range
from diziner.spans.widened import counted, widened_spans


@dataclass(frozen=True, slots=True)
class Prepared:
    """Pilot set k is round k's. `gold` has the spans, by id, of those pilot and test documents that have
    gold, pilot sets first; `characters` say where in the text these stand. Pilot sets and test do not depend on gold.
    """

    pilot_sets: tuple[tuple[Document, ...], ...]
    test: tuple[Document, ...]
    gold: Mapping[str, tuple[Span, ...]]
    manifest: dict[str, Any]
    characters: Mapping[str, tuple[Range, ...]] = field(default_factory=dict)


def prepare(corpus: Corpus, card: Card, settings: CorpusSettings, pins: Pins | None = None) -> Prepared:
    """Choose pilot sets and test documents, and account for all that was left out.

    From the pool go documents whose tokens equal those of any document of the full test split, then
    repetitions within the pool (the first stays). Pilot sets are those of `pins` if the settings want them and there
    are some, else drawn. The test sample is drawn with the seed if the split has more than `test_size` documents,
    and stays in file order.

    Raises:
        UserError: a document without tokens, a test size below 1, or what `pilot_sets` or `pinned_sets` refuses.
    """
    if settings.test_size is not None and settings.test_size < 1:
        raise UserError(f"test size: {settings.test_size}; it must be 1 or more, or null for the whole split")
    for each in (*corpus.pilot, *corpus.test):
        if not each.document.tokens:
            raise UserError(f"{card.name}: document {each.document.id} is empty")
    pool, in_test, repeated = _pool(corpus)
    documents = [each.document for each in pool]
    published = pins if settings.pins and pins is not None and pins.rounds else None
    sets = drawn_sets(documents, settings) if published is None else _published(published, documents, corpus, settings)
    test = _sample(corpus.test, settings.test_size, settings.seed)
    labelled = {each.document.id: each for each in pool}
    pilot_ids = dict.fromkeys(document.id for chosen in sets for document in chosen)
    pilot = tuple(labelled[identifier] for identifier in pilot_ids)
    manifest = {
        "benchmark": card.name,
        "source": corpus.source,
        "settings": asdict(settings),
        "pool": {
            "loaded": len(corpus.pilot),
            "removed_in_test": in_test,
            "removed_repeated": repeated,
            "usable": len(pool),
        },
        "pilot": {
            "chosen": "drawn" if published is None else "published",
            "sets": [[document.id for document in chosen] for chosen in sets],
        },
        "test": {"loaded": len(corpus.test), "ids": [each.document.id for each in test]},
        "gold": {"pilot": _gold_summary(pilot), "test": _gold_summary(test)},
        "tokenizer": _tokenizer(card, corpus),
        "repairs": corpus.repairs,
        "bad": corpus.bad,
        "card": _compare(card, corpus),
    }
    gold = {each.document.id: each.spans for each in (*pilot, *test) if each.spans is not None}
    characters = {each.document.id: each.characters for each in (*pilot, *test) if each.spans is not None}
    return Prepared(sets, tuple(each.document for each in test), gold, manifest, characters)


def _tokenizer(card: Card, corpus: Corpus) -> str | None:
    """Return the tokenizer of texts that came without tokens; None where all came with them."""
    ours = any(each.own_tokens for each in (*corpus.pilot, *corpus.test))
    return TOKENIZER if ours else (card.tokenizer or None if corpus.source == "sample" else None)


def drawn_sets(pool: Sequence[Document], settings: CorpusSettings) -> tuple[tuple[Document, ...], ...]:
    """Draw the pilot sets that the settings ask for, whatever is published.

    Errors: as `pilot_sets`.
    """
    return pilot_sets(
        pool,
        settings.rounds,
        settings.pilot_size,
        settings.pilot_method,
        settings.pilot_mode,
        settings.seed,
        settings.embedder,
    )


def _published(
    pins: Pins, pool: Sequence[Document], corpus: Corpus, settings: CorpusSettings
) -> tuple[tuple[Document, ...], ...]:
    test = {each.document.id for each in corpus.test}
    fixed = settings.pilot_mode == "fixed"
    return pinned_sets(pins, pool, test, settings.rounds, settings.pilot_size, fixed)


def pool_of(corpus: Corpus) -> list[Document]:
    """Return the documents that may be in a pilot set: no text of the test split, no repetition."""
    return [each.document for each in _pool(corpus)[0]]


def _pool(corpus: Corpus) -> tuple[list[Labelled], int, int]:
    """Return the pool without documents of the test split and repetitions, and how many of each were removed."""
    test = {each.document.tokens for each in corpus.test}
    seen: set[tuple[str, ...]] = set()
    pool, in_test, repeated = [], 0, 0
    for each in corpus.pilot:
        tokens = each.document.tokens
        if tokens in test:
            in_test += 1
        elif tokens in seen:
            repeated += 1
        else:
            seen.add(tokens)
            pool.append(each)
    return pool, in_test, repeated


def _sample(documents: Sequence[Labelled], size: int | None, seed: int) -> tuple[Labelled, ...]:
    if size is None or len(documents) <= size:
        return tuple(documents)
    chosen = random.Random(seed).sample(range(len(documents)), size)
    return tuple(documents[index] for index in sorted(chosen))


def _gold_summary(documents: tuple[Labelled, ...]) -> dict[str, object]:
    with_gold = sum(each.spans is not None for each in documents)
    widened = (each for own in documents for each in widened_spans(own.document, own.spans or (), own.characters))
    return {
        "documents": len(documents),
        "with_gold": with_gold,
        "types": type_counts(documents),
        "widened": counted(widened),
    }


def _compare(card: Card, corpus: Corpus) -> dict[str, object]:
    expected = expected_counts(card, corpus.source)
    counts: dict[str, object] = {}
    for split, copies in expected.items():
        rows = [{"sentences": each.sentences, "types": dict(each.types)} for each in copies]
        counts[split] = rows[0] if len(rows) == 1 else rows
    return {"expected": counts, "differences": list(count_differences(expected, corpus))}
