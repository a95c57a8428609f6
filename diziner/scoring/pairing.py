"""One-to-one pairing of the gold and predicted spans of one document.

Greedy pairing, as common MUC-style scorers do it, depends on the order of the spans. The size of a maximum
matching does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from diziner.records.annotations import Span


class BoundaryPairs(NamedTuple):
    """Numbers of pairs with equal boundaries, and of pairs that only share a token."""

    exact: int
    partial: int


def count_type_pairs(gold: Sequence[Span], predicted: Sequence[Span]) -> int:
    """Return the most pairs (gold, predicted) of equal type that share a token, each span in one pair at most."""
    return maximum_matching(
        [
            [place for place, span in enumerate(gold) if span.type == guess.type and _overlap(span, guess)]
            for guess in predicted
        ]
    )


def count_boundary_pairs(gold: Sequence[Span], predicted: Sequence[Span]) -> BoundaryPairs:
    """Return pairs, types ignored, of the one-to-one pairing of greatest weight, exact + 0.5 x partial.

    Equal boundaries can all be paired first: a pairing that instead gives both ends of an exact pair a
    partial partner each earns 0.5 + 0.5 for them, no more than the 1 of joining them. The rest can only
    earn 0.5 a pair, so there the greatest number of pairs is best. Among pairings of equal weight this is
    one with the most exact pairs, so both numbers are unique.
    """
    by_extent_gold = Counter((span.start, span.end) for span in gold)
    by_extent_predicted = Counter((span.start, span.end) for span in predicted)
    exact = by_extent_gold & by_extent_predicted
    rest_gold = [Span(*extent, "") for extent in (by_extent_gold - exact).elements()]
    rest_predicted = [Span(*extent, "") for extent in (by_extent_predicted - exact).elements()]
    return BoundaryPairs(exact.total(), count_type_pairs(rest_gold, rest_predicted))


def maximum_matching(edges: Sequence[Sequence[int]]) -> int:
    """Return the size of a maximum matching of a bipartite graph; `edges[i]` are the right nodes of left node i.

    Kuhn's algorithm, O(left nodes x edges): from each left node, search a path to a free right node that
    alternates between unmatched and matched edges, and swap the two kinds along it.
    """
    right_of: dict[int, int] = {}
    left_of: dict[int, int] = {}
    for root in range(len(edges)):
        reached_from: dict[int, int] = {}
        frontier = [root]
        end: int | None = None
        while frontier and end is None:
            left = frontier.pop()
            fresh = [right for right in edges[left] if right not in reached_from]
            reached_from.update((right, left) for right in fresh)
            end = next((right for right in fresh if right not in left_of), None)
            frontier.extend(left_of[right] for right in fresh if right in left_of)
        while end is not None:
            left = reached_from[end]
            previous = right_of.get(left)  # None at the root, where the path ends
            left_of[end], right_of[left] = left, end
            end = previous
    return len(left_of)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
