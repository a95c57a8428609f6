"""Shares of votes: how much of the annotators' weight stands behind each mention, and how far they are apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from itertools import combinations

from diziner.records.annotations import Span

Votes = Mapping[str, Collection[Span]]


def span_shares(votes: Votes, weights: Mapping[str, Fraction]) -> dict[Span, Fraction]:
    """Return, for each span that a vote has, the share of all votes' weight that has exactly this span, in order.

    Votes count equally where all of them weigh nothing. Without a vote there is no span.

    >>> one, two = Span(0, 1, "PER"), Span(0, 2, "PER")
    >>> span_shares({"a": [one], "b": [two], "c": [two]}, {"a": Fraction(2), "b": Fraction(1), "c": Fraction(1)})
    {Span(start=0, end=1, type='PER'): Fraction(1, 2), Span(start=0, end=2, type='PER'): Fraction(1, 2)}
    """
    total = sum((weights[name] for name in votes), Fraction(0))
    own = {name: weights[name] / total if total else Fraction(1, len(votes)) for name in votes}
    spans = sorted({span for vote in votes.values() for span in vote})
    return {span: sum((own[name] for name, vote in votes.items() if span in vote), Fraction(0)) for span in spans}


def disagreement(votes: Votes) -> Fraction | None:
    """Return 1 less the mean strict span F1 of each two votes; two without a span agree. None for fewer than two votes.

    >>> disagreement({"a": [Span(0, 1, "PER")], "b": [Span(0, 1, "PER"), Span(2, 3, "LOC")]})
    Fraction(1, 3)
    """
    pairs = list(combinations(votes.values(), 2))
    return 1 - sum((span_f1_of(*pair) for pair in pairs), Fraction(0)) / len(pairs) if pairs else None


def confidence(shares: Mapping[Span, Fraction], won: Collection[Span]) -> Fraction:
    """Return the least share behind a decision: for a span that won its share, for another 1 less its share.

    A span that won without a vote of its own, made of parts of several, has no share. Without a decision it is 1.

    >>> confidence({Span(0, 1, "PER"): Fraction(3, 4), Span(2, 3, "LOC"): Fraction(1, 3)}, [Span(0, 1, "PER")])
    Fraction(2, 3)
    """
    spans = {*shares, *won}
    found = (shares.get(span, Fraction(0)) if span in won else 1 - shares[span] for span in spans)
    return min(found, default=Fraction(1))


def span_f1_of(first: Collection[Span], second: Collection[Span]) -> Fraction:
    """Return strict span F1 of two votes on a document; 1 where both are empty."""
    one, other = frozenset(first), frozenset(second)
    size = len(one) + len(other)
    return Fraction(2 * len(one & other), size) if size else Fraction(1)
