"""How long pilot sets take at scale: 20 disjoint sets of 25 from 100,000 sentences of synthetic text.

Run with `make bench`; prints seconds and peak memory of the whole process.
"""

from __future__ import annotations

import random
import resource
import sys
import time

from stages.contracts import Document
from stages.corpora.pilot import pilot_sets


def sentences(number: int, seed: int = 1) -> list[Document]:
    """Sentences of 8 to 30 words from a vocabulary of 20,000 with Zipf frequencies."""
    source = random.Random(seed)
    words = [f"w{rank}" for rank in range(1, 20_001)]
    weights = [1 / rank for rank in range(1, 20_001)]
    drawn = source.choices(words, weights, k=30 * number)
    documents = []
    for index in range(number):
        tokens = tuple(drawn[30 * index : 30 * index + source.randint(8, 30)])
        documents.append(Document(f"d{index}", tokens, " ".join(tokens)))
    return documents


def main() -> None:
    documents = sentences(100_000)
    started, started_cpu = time.perf_counter(), time.process_time()
    sets = pilot_sets(documents, rounds=20, size=25)
    seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    chosen = {document.id for each in sets for document in each}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"pilot sets: {len(sets)} x 25 of 100,000 sentences, {len(chosen)} different: "
        f"{seconds:.1f} s ({cpu:.1f} s cpu), {peak:.0f} MB\n"
    )


if __name__ == "__main__":
    main()
