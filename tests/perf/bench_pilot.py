"""Pilot sets: how long at scale, and how diverse and representative they are.

`make bench`: 20 disjoint sets of 25 from 100,000 sentences of synthetic text, seconds and peak memory of the process.
`python tests/perf/bench_pilot.py FOLDER`: of each `FOLDER/<name>/pilot.jsonl` five sets of 25 by k-means and at random;
mean cosine distance between documents of a set (diversity) and of a document of the pool to the nearest one of a set
(representativeness), both by TF-IDF.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from pathlib import Path
from statistics import fmean

import numpy as np

from diziner.corpora.pilot import pilot_sets
from diziner.embedding.tfidf import tfidf
from diziner.records.documents import Document


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


def measure_time() -> None:
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


def measure_sets(path: Path) -> None:
    pool: dict[tuple[str, ...], Document] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        tokens = tuple(row["tokens"])
        pool.setdefault(tokens, Document(row["id"], tokens, " ".join(tokens)))
    documents = [*pool.values()]
    vectors = tfidf(documents) / 2.0**20
    place = {document.id: number for number, document in enumerate(documents)}
    line = f"{path.parent.name:<22}{len(documents):>6}"
    for method in ("kmeans", "random"):
        found = []
        for each in pilot_sets(documents, 5, 25, method, seed=13):
            chosen = vectors[[place[document.id] for document in each]]
            inside, to_pool = (chosen @ chosen.T).toarray(), (vectors @ chosen.T).toarray()
            size = len(each)
            found.append((1 - (inside.sum() - np.trace(inside)) / (size * (size - 1)), 1 - to_pool.max(axis=1).mean()))
        diversity, distance = (fmean(column) for column in zip(*found, strict=True))
        line += f"   {method}: diversity {diversity:.4f}, distance to the pool {distance:.4f}"
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for file in sorted(Path(sys.argv[1]).glob("*/pilot.jsonl")):
            measure_sets(file)
    else:
        measure_time()
