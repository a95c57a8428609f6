"""Agreement of pairs of annotators, over the documents that both answered (method section 3)."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np

from diziner.agreement.chance import cohens_kappa, exact_kappa
from diziner.agreement.columns import Patterns
from diziner.agreement.encoding import Corpus, Floats, Ints
from diziner.agreement.measures import PAIR_MEASURES, SpanMatches, pair_measure


def span_f1(matches: Ints, first: Ints, second: Ints) -> Floats:
    """Return F1 of two sets of spans, 2 |A ∩ B| / (|A| + |B|), elementwise over counts.

    Both sets empty: 1.0. One empty: 0.0.

    >>> span_f1(np.array([1, 0, 0]), np.array([2, 0, 3]), np.array([1, 0, 0])).round(4).tolist()
    [0.6667, 1.0, 0.0]
    """
    size = np.asarray(first + second, np.float64)
    f1: Floats = np.divide(2.0 * matches, size, out=np.ones_like(size), where=size > 0)
    return f1


def type_accuracy(strict: Ints, boundary: Ints, first: Ints, second: Ints) -> Floats:
    """Return the share of spans with equal bounds that also have equal types, elementwise over counts.

    No span on either side: 1.0. Spans, but none with equal bounds: 0.0, as nothing was shown to agree.

    >>> counts = np.array([[3, 4, 5, 4], [0, 0, 0, 0], [0, 0, 2, 1]]).T
    >>> type_accuracy(*counts).tolist()
    [0.75, 1.0, 0.0]
    """
    default = np.asarray((first + second) == 0, np.float64)
    accuracy: Floats = np.divide(strict, boundary, out=default, where=np.asarray(boundary) > 0)
    return accuracy


def token_macro_f1(tables: Ints) -> Floats:
    """Return the mean F1 per label of contingency tables, shape (..., L, L), over labels that either side used.

    Labels include O. An empty table (no token in common) gives 1.0.

    >>> token_macro_f1(np.array([[4, 0, 0], [1, 1, 0], [0, 0, 0]])).round(4).item()
    0.7778
    >>> token_macro_f1(np.zeros((2, 2), int)).item()
    1.0
    """
    used = tables.sum(axis=-1, dtype=np.float64) + tables.sum(axis=-2)
    hits = 2.0 * np.diagonal(tables, axis1=-2, axis2=-1)
    shares = np.divide(hits, used, out=np.zeros_like(used), where=used > 0)
    # Rounded once, so that the order of the sum does not show.
    total = np.array([math.fsum(row) for row in shares.reshape(-1, shares.shape[-1])]).reshape(shares.shape[:-1])
    labels = np.asarray((used > 0).sum(axis=-1), np.float64)
    macro: Floats = np.divide(total, labels, out=np.ones_like(labels), where=labels > 0)
    return macro


def contingency_tables(patterns: Patterns) -> Ints:
    """Return one table of label counts, L x L, for each pair of annotators in the order of `combinations`.

    Rows are the labels of the pair's first annotator; tokens that either did not answer are left out.
    """
    radix = patterns.missing + 1
    codes = patterns.codes.astype(np.intp)
    pairs = list(combinations(range(len(codes)), 2))
    tables = np.zeros((len(pairs), radix * radix), np.int64)
    scaled = codes * radix
    # Float weights are exact here: counts stay far below 2^53.
    frequency = patterns.counts.astype(np.float64)
    for table, (first, second) in zip(tables, pairs, strict=True):
        table[:] = np.bincount(scaled[first] + codes[second], weights=frequency, minlength=radix * radix)
    return tables.reshape(-1, radix, radix)[:, : patterns.missing, : patterns.missing]


def span_matches(corpus: Corpus) -> SpanMatches:
    """Count equal spans and spans with equal bounds of every pair."""
    spans, size = corpus.spans, len(corpus.annotators)
    starts = np.zeros(int(corpus.offsets[-1]), np.bool_)
    starts[spans.start] = True
    place = np.cumsum(starts) - 1
    # At most one span of an annotator starts at a token: equal spans are equal entries in a row each.
    # Where an annotator has none, its entry differs from everybody's.
    nothing = -1 - np.arange(size, dtype=np.int64)[:, None]
    bounds = np.repeat(nothing, int(starts.sum()), axis=1)
    bounds[spans.annotator, place[spans.start]] = spans.end - spans.start
    typed = np.repeat(nothing, bounds.shape[1], axis=1)
    typed[spans.annotator, place[spans.start]] = (spans.end - spans.start) * len(corpus.types) + spans.type
    strict, boundary = np.zeros((2, size, size), np.int64)
    for first, second in combinations(range(size), 2):
        strict[first, second] = strict[second, first] = np.count_nonzero(typed[first] == typed[second])
        boundary[first, second] = boundary[second, first] = np.count_nonzero(bounds[first] == bounds[second])
    return SpanMatches(strict, boundary, _own_spans(corpus))


def _own_spans(corpus: Corpus) -> Ints:
    size = len(corpus.annotators)
    if corpus.answered.all():
        return np.repeat(np.bincount(corpus.spans.annotator, minlength=size)[:, None], size, axis=1)
    documents = len(corpus.documents)
    document = np.searchsorted(corpus.offsets, corpus.spans.start, side="right") - 1
    cells = corpus.spans.annotator * documents + document
    counts = np.bincount(cells, minlength=size * documents).reshape(size, documents)
    return counts @ corpus.answered.T.astype(np.int64)


def pair_measures(matches: SpanMatches, tables: Ints) -> dict[str, Floats]:
    """Return every measure of pairs as a symmetric A x A matrix, token measures from contingency tables.

    The diagonal is 1.0: each annotator agrees with itself.
    """
    return {name: measure.of(matches, tables) for name, measure in PAIR_MEASURES.items()}


@pair_measure("strict_span_f1", "strict span F1")
def _strict_span_f1(matches: SpanMatches, tables: Ints) -> Floats:
    return _with_unit_diagonal(span_f1(matches.strict, matches.own, matches.own.T))


@pair_measure("boundary_f1", "boundary F1", mean_as="boundary_agreement")
def _boundary_f1(matches: SpanMatches, tables: Ints) -> Floats:
    return _with_unit_diagonal(span_f1(matches.boundary, matches.own, matches.own.T))


@pair_measure("type_accuracy", "type accuracy on shared bounds")
def _type_accuracy(matches: SpanMatches, tables: Ints) -> Floats:
    return _with_unit_diagonal(type_accuracy(matches.strict, matches.boundary, matches.own, matches.own.T))


@pair_measure("token_macro_f1", "token macro F1")
def _token_macro_f1(matches: SpanMatches, tables: Ints) -> Floats:
    return _square(token_macro_f1(tables), len(matches.own))


@pair_measure("cohens_kappa", "Cohen's kappa", low=-1, mean_as="cohens_kappa")
def _cohens_kappa(matches: SpanMatches, tables: Ints) -> Floats:
    return _square(cohens_kappa(tables), len(matches.own))


def _with_unit_diagonal(matrix: Floats) -> Floats:
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _square(values: Floats, size: int) -> Floats:
    matrix = np.ones((size, size))
    first, second = np.triu_indices(size, k=1)
    matrix[first, second] = matrix[second, first] = values
    return matrix


def exact_span_f1(matches: SpanMatches) -> list[list[Fraction]]:
    """Return strict span F1 of every pair as fractions (A x A), with the edge values of `span_f1` and a diagonal of
    1."""
    strict, own = matches.strict.tolist(), matches.own.tolist()
    return [
        [
            Fraction(2 * strict[a][b], own[a][b] + own[b][a]) if a != b and own[a][b] + own[b][a] else Fraction(1)
            for b in range(len(own))
        ]
        for a in range(len(own))
    ]


def exact_kappas(tables: Ints, size: int) -> list[list[Fraction]]:
    """Return Cohen's kappa of every pair as fractions (A x A), from contingency tables in the order of
    `combinations`."""
    matrix = [[Fraction(1)] * size for _ in range(size)]
    for table, (first, second) in zip(tables, combinations(range(size), 2), strict=True):
        matrix[first][second] = matrix[second][first] = exact_kappa(table)
    return matrix
