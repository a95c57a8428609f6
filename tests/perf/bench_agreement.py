"""CPU time of the agreement code against plain loops: `python tests/perf/bench_agreement.py`.

Prints one line per measure with the ratio, then the whole analysis at several sizes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
from perf import naive_agreement as naive
from perf.charts import add_chart
from perf.synthetic import make_corpus

from diziner.agreement.analysis import analyse
from diziner.agreement.chance import cohens_kappa
from diziner.agreement.columns import find_patterns
from diziner.agreement.consensus import vote
from diziner.agreement.disagreement import pattern_measures
from diziner.agreement.encoding import encode
from diziner.agreement.pairwise import contingency_tables, exact_kappas, exact_span_f1, span_f1, span_matches
from diziner.agreement.settings import AnalysisSettings
from diziner.agreement.weights import annotator_weights, coalition_of
from diziner.spans.tags import spans_to_tags

SIZES = ((25, 8, 4), (1_000, 8, 4), (1_000, 8, 18), (10_000, 8, 4), (400, 16, 4), (4_000, 16, 4), (40_000, 16, 4))
SAYS = (
    "CPU seconds of the whole analysis of a round by sentences (about 25 tokens each): agreement, consensus, hotspots "
    "with all readings, error groups with examples."
)


def say(line: str) -> None:
    """One line on standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The least CPU time of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def compare(name: str, slow: Callable[[], object], fast: Callable[[], object], target: int) -> tuple[float, float]:
    """Print loops' time, arrays' time, and their ratio; give both times."""
    loops, arrays = seconds(slow, 2), seconds(fast, 20)
    say(f"{name:<34}{loops * 1e3:>10.1f} ms{arrays * 1e3:>10.2f} ms{loops / arrays:>8.0f}x (target {target}x)")
    return loops, arrays


def compare_measures(types: int) -> None:
    """Every measure at 1,000 sentences and 8 annotators."""
    documents, rows, labels = make_corpus(1_000, 8, types)
    corpus = encode(documents, rows, labels)
    patterns = find_patterns(corpus.codes, corpus.missing)
    f1 = exact_span_f1(span_matches(corpus))
    weights = annotator_weights(f1, lambda: exact_kappas(contingency_tables(patterns), len(f1)), AnalysisSettings())
    coalition = coalition_of(corpus.annotators, weights, Fraction(1, 2))
    elite = np.array([name in coalition for name in corpus.annotators])
    by_name = dict(zip(corpus.annotators, map(float, weights), strict=True))
    floats = np.array([*by_name.values()])
    tags = {
        name: [spans_to_tags(row.spans, len(item.tokens)) for row, item in zip(own, documents, strict=True)]
        for name, own in rows.items()
    }
    pairs = list(combinations(tags, 2))
    say(f"\n1000 sentences, {corpus.offsets[-1]} tokens, 8 annotators, {types} types; patterns given")
    encoding = seconds(lambda: encode(documents, rows, labels), 5)
    grouping = seconds(lambda: find_patterns(corpus.codes, corpus.missing), 20)
    say(f"{'encode once':<34}{'':>13}{encoding * 1e3:>10.2f} ms")
    say(f"{'find patterns once':<34}{'':>13}{grouping * 1e3:>10.2f} ms  ({patterns.codes.shape[1]} patterns)")
    measures = compare(
        "token measures, 8 columns",
        lambda: naive.all_token_measures(tags, by_name, coalition),
        lambda: pattern_measures(patterns, floats, elite).of(patterns.index),
        150,
    )

    def strict() -> object:
        matches, _, own = span_matches(corpus)
        return span_f1(matches, own, own.T)

    spans = compare("strict span F1, 28 pairs", lambda: [naive.span_f1(tags, *pair) for pair in pairs], strict, 50)
    kappa = compare(
        "Cohen's kappa, 28 pairs",
        lambda: [naive.cohens_kappa(*naive.common_tags(tags, *pair)) for pair in pairs],
        lambda: cohens_kappa(contingency_tables(patterns)),
        300,
    )
    voted = compare(
        "weighted vote",
        lambda: naive.vote(tags, by_name),
        lambda: vote(patterns, weights, corpus.offsets),
        15,
    )
    compare(
        "weighted vote, beginnings too",
        lambda: naive.vote(tags, by_name, "bio"),
        lambda: vote(patterns, weights, corpus.offsets, "bio"),
        15,
    )
    # Encoding and patterns serve all of the above, and Fleiss, alpha, token F1 and confusion besides: charged to one
    # measure they would be counted several times over in the whole.
    loops, arrays = (sum(times) for times in zip(measures, spans, kappa, voted, strict=True))
    together = arrays + encoding + grouping
    say(
        f"{'the four, encoding included':<34}{loops * 1e3:>10.1f} ms{together * 1e3:>10.2f} ms{loops / together:>8.0f}x"
    )
    say(f"{'kappa, patterns included':<34}{'':>13}{'':>13}{kappa[0] / (kappa[1] + grouping):>8.0f}x")


def measure_whole(target: Path | None) -> None:
    """The whole analysis, ready to be written; its chart goes into the file of figures `target`, if there is one."""
    say("\nwhole analysis, cpu; peak memory of the process so far, inputs included")
    points: dict[str, list[tuple[int, float]]] = {}
    for size in SIZES:
        corpus = make_corpus(*size)
        spent = seconds(lambda corpus=corpus: analyse(*corpus), 1 if size[0] > 1_000 else 5)  # type: ignore[misc]
        tokens = sum(len(document.tokens) for document in corpus[0])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        shape = f"{size[0]} sentences x {size[1]}, {size[2]} types"
        say(f"{shape:<34}{tokens:>10} tokens{spent * 1e3:>10.1f} ms{peak:>7} MB")
        points.setdefault(f"{size[1]} annotators, {size[2]} types", []).append((size[0], round(spent, 4)))
    if target is not None:
        series = [{"name": name, "points": own} for name, own in points.items() if len(own) > 1]
        axes = {"x": "sentences", "y": "CPU seconds"}
        chart = {"kind": "lines", "title": "Analysis of a round", "says": SAYS, **axes, "series": series}
        add_chart(target, "analysis", chart)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="put the chart into this file of figures")
    parser.add_argument("--whole", action="store_true", help="the whole analysis alone")
    options = parser.parse_args()
    for number in () if options.whole else (4, 18):
        compare_measures(number)
    measure_whole(options.json)
