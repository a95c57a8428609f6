"""Power as it is simulated against power as it is promised, on real benchmarks: `python tests/perf/power_study.py DIR`.

DIR holds a folder for each benchmark with pilot.jsonl and test.jsonl. Two taggers that know nothing but strings of the
pilot documents label all test documents; the second is made worse by the change to be found, a document at a time
(`other`: they know different halves of the pilot documents; `same`: the second knows a part of what the first knows).
Their differences give the promise, then samples are drawn from the test documents, with replacement, and the gate's
randomization test is held to each. The share that it calls significant is the power.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diziner.records.annotations import Span
from diziner.scoring.bootstrap import document_counts
from diziner.scoring.power import Design, Differences, documents_needed, influences, paired_differences, smallest_change
from diziner.scoring.resampling import exact_f1
from diziner.spans.tags import tags_to_spans

SWAPS = 999  # times the number of tests of the family, so that chance moves no p-value across the level
KINDS = ("other", "same")
Tagged = tuple[tuple[str, ...], tuple[Span, ...]]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Counts of two taggers on all test documents, the change between them, and their differences."""

    old: Counts
    new: Counts

    @property
    def change(self) -> float:
        return float(exact_f1(self.new) - exact_f1(self.old))

    @property
    def differences(self) -> Differences:
        found = paired_differences(self.new, self.old)
        assert found is not None
        return found


@cache
def read(path: Path) -> list[Tagged]:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [(tuple(row["tokens"]), tags_to_spans(row["ner_tags"])) for row in rows]


def lexicon(documents: Sequence[Tagged]) -> dict[tuple[str, ...], str]:
    """The most frequent type of every string that is a mention at least as often as not."""
    seen: dict[tuple[str, ...], Counter[str]] = {}
    for tokens, spans in documents:
        for span in spans:
            seen.setdefault(tokens[span.start : span.end], Counter())[span.type] += 1
    return {string: sorted(types.items(), key=lambda item: (-item[1], item[0]))[0][0] for string, types in seen.items()}


def tag(tokens: Sequence[str], known: Mapping[tuple[str, ...], str], longest: int) -> Iterator[Span]:
    """The longest known strings, from left to right."""
    start = 0
    while start < len(tokens):
        ends = range(min(len(tokens), start + longest), start, -1)
        end = next((end for end in ends if tuple(tokens[start:end]) in known), None)
        if end is not None:
            yield Span(start, end, known[tuple(tokens[start:end])])
        start = end or start + 1


def counted(test: Sequence[Tagged], pilot: Sequence[Tagged]) -> Counts:
    known = lexicon(pilot)
    longest = max(map(len, known), default=1)
    ids = [f"{number:05}" for number in range(len(test))]
    gold = dict(zip(ids, (spans for _, spans in test), strict=True))
    found = {id_: tuple(tag(tokens, known, longest)) for id_, (tokens, _) in zip(ids, test, strict=True)}
    return document_counts(gold, found).counts


@cache
def taggers(folder: Path, kind: str) -> tuple[Counts, Counts, Counts]:
    """Counts of the first tagger, and of a better and a worse form of the second."""
    test, pilot = read(folder / "test.jsonl"), list(read(folder / "pilot.jsonl"))
    random.Random(7).shuffle(pilot)
    half = len(pilot) // 2
    halves: list[Counts] = [counted(test, pilot[:half]), counted(test, pilot[half:])]
    if kind == "same":
        return halves[0], halves[0], counted(test, pilot[: half // 4])
    first = exact_f1(halves[0]) <= exact_f1(halves[1])
    old, better = halves if first else halves[::-1]
    return old, better, counted(test, pilot[half : half + half // 8] if first else pilot[: half // 8])


def pair_with(folder: Path, kind: str, change: float) -> Pair:
    """A pair whose second is worse by `change`, or better, as nearly as documents allow."""
    old, better, worse = taggers(folder, kind)
    new = better
    chance = np.random.default_rng(11).random(len(old))
    sign = 1 if exact_f1(worse) < exact_f1(old) else -1  # who knows less may do better
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        new = np.where((chance < middle)[:, None], worse, better)
        low, high = (middle, high) if sign * float(exact_f1(old) - exact_f1(new)) < change else (low, middle)
    return Pair(old, new)


def pair_seen(folder: Path, kind: str, documents: int, design: Design) -> Pair:
    """A pair whose change is the smallest that so many documents are said to show."""
    change = 0.05
    for _ in range(12):
        pair = pair_with(folder, kind, change)
        change = smallest_change(pair.differences, documents, design) or 1.0
    return pair


def simulated(pair: Pair, documents: int, design: Design, trials: int, seed: int) -> float:
    """The share of samples in which the randomization test finds the difference, in the right direction.

    Documents with equal counts are drawn together, and those with equal differences swapped together, which gives the
    same distribution of p-values in a hundredth of the time.
    """
    chance = np.random.default_rng(seed)
    rows, times = np.unique(np.hstack([pair.old, pair.new]), axis=0, return_counts=True)
    old, new = rows[:, :3].astype(float), rows[:, 3:].astype(float)
    differ = (old != new).any(axis=1)
    shift, kind = np.unique((old - new)[differ][:, :2], axis=0, return_inverse=True)
    found, swaps = 0, (SWAPS + 1) * design.tests - 1
    for sample in chance.multinomial(documents, times / times.sum(), size=trials):
        a, b = sample @ new, sample @ old
        observed = b[0] * 2 / (b[1] + b[2]) - a[0] * 2 / (a[1] + a[2])
        own = np.bincount(kind, weights=sample[differ], minlength=len(shift)).astype(np.int64)
        moved = chance.binomial(own, 0.5, size=(swaps, len(own))) @ shift
        up, down = a[:2] + moved, b[:2] - moved
        differences = down[:, 0] * 2 / (down[:, 1] + b[2]) - up[:, 0] * 2 / (up[:, 1] + a[2])
        p_value = (1 + int((np.abs(differences) >= abs(observed) - 1e-12).sum())) / (swaps + 1)
        found += p_value < design.level / design.tests and observed * pair.change < 0
    return found / trials


def correlation(pair: Pair) -> float:
    """Of both runs' errors over documents."""
    return float(np.corrcoef(influences(pair.old), influences(pair.new))[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, metavar="DIR")
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--change", type=float, default=0.02)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--quick", action="store_true", help="leave out what 300 documents show")
    parser.add_argument("--benchmarks", nargs="+", default=[])
    chosen = parser.parse_args()
    folders = sorted(path.parent for path in chosen.data.glob("*/pilot.jsonl"))
    folders = [folder for folder in folders if not chosen.benchmarks or folder.name in chosen.benchmarks]
    alone, family = Design(), Design(tests=len(folders))
    say(
        "pair   benchmark            F1    change  differ  r     needed differ  power  "
        "n 300: change power  Holm: change power"
    )
    worst = {True: 0.0, False: 0.0}  # whether 20 or more documents differ
    for kind in chosen.kinds:
        for number, folder in enumerate(folders):
            pair = pair_with(folder, kind, chosen.change)
            n = documents_needed(pair.differences, abs(pair.change), alone)
            power = simulated(pair, n, alone, chosen.trials, number)
            cells = []
            for design in () if chosen.quick else (alone, family):
                seen = pair_seen(folder, kind, 300, design)
                trials = chosen.trials if design.tests == 1 else chosen.trials // 4  # these take longest
                cells.append(f"{abs(seen.change):.4f} {simulated(seen, 300, design, trials, number + 100):.3f}")
            differing = float((pair.new != pair.old).any(axis=1).mean())
            many = n * differing >= 20
            worst[many] = max(worst[many], abs(power - alone.power))
            say(
                f"{kind:6} {folder.name:20} {float(exact_f1(pair.old)):.3f} {pair.change:+.4f} {differing:.3f}   "
                f"{correlation(pair):.2f}  {n:5}  {n * differing:6.0f}  {power:.3f}  {'         '.join(cells)}".rstrip()
            )
    say(
        f"power at the documents needed: at most {100 * worst[True]:.1f} points from {alone.power:g}, promised, where "
        f"20 or more of them differ, else {100 * worst[False]:.1f} ({chosen.trials} samples each; "
        f"{chosen.trials // 4} with Holm's correction over {len(folders)})"
    )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
