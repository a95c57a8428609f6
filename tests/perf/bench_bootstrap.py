"""Coverage of the truth by the bootstrap's 95 % intervals: `python tests/perf/bench_bootstrap.py`.

Documents differ in difficulty, so that spans of one document are correlated; the truth is F1 over a million of them.
Prints coverage by number of documents, of one prediction's F1 and of the difference between two.
"""

from __future__ import annotations

import sys

import numpy as np

from diziner.scoring.bootstrap import document_bootstrap, paired_bootstrap
from diziner.scoring.strict import score_counts

TRIALS = 2_000
SAMPLES = 500
SIZES = (25, 60, 120, 300)


def drawn(chance: np.random.Generator, documents: int) -> np.ndarray:
    """Counts (correct, predicted, gold) of two predictions for the same documents, shape (2, documents, 3).

    The second finds less, and finds what is easy in the same documents as the first.
    """
    gold = chance.poisson(3.0, documents)
    ease = chance.beta(6.0, 3.0, documents)
    both = []
    for factor in (1.0, 0.9):
        correct = chance.binomial(gold, factor * ease)
        both.append(np.stack([correct, correct + chance.poisson(0.8, documents), gold], axis=1))
    return np.stack(both)


def f1(counts: np.ndarray) -> float:
    return score_counts(*(int(total) for total in counts.sum(axis=0))).f1


def main() -> None:
    chance = np.random.default_rng(29)
    many = drawn(chance, 1_000_000)
    truth, gap = f1(many[0]), f1(many[0]) - f1(many[1])
    sys.stdout.write(f"true F1 {truth:.4f}, true difference {gap:.4f}; {TRIALS} trials, {SAMPLES} resamples each\n")
    for documents in SIZES:
        single = paired = 0
        for trial in range(TRIALS):
            first, second = drawn(chance, documents)
            interval = document_bootstrap(first, SAMPLES, seed=trial)
            difference = paired_bootstrap(first, second, SAMPLES, seed=trial)
            single += interval.low <= truth <= interval.high
            paired += difference.low <= gap <= difference.high
        sys.stdout.write(
            f"{documents:>4} documents: F1 covered in {single / TRIALS:.1%}, difference in {paired / TRIALS:.1%}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
