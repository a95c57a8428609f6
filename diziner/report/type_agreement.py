"""Agreement of annotators by type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from diziner.common.exact import mean
from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation
from diziner.scoring.strict import score_counts


def type_agreement(annotations: Mapping[str, Sequence[Annotation]], types: Sequence[str]) -> list[dict[str, Any]]:
    """Return each type's agreement: the mean over pairs of annotators of strict span F1 on its mentions in documents
    that both answered. A pair without any mention of the type says nothing of it; None if no pair has one. `mentions`
    are each annotator's, by name.
    """
    marked = {name: {row.id: row.spans for row in rows if row.failure is None} for name, rows in annotations.items()}
    mentions = {
        name: Counter(span.type for spans in own.values() for span in spans) for name, own in sorted(marked.items())
    }
    # Plain tuples, whose hashes are made in C.
    places = {
        name: {(document, s.start, s.end, s.type) for document, spans in own.items() for s in spans}
        for name, own in marked.items()
    }
    found: dict[str, list[float]] = {label: [] for label in types}
    for one, other in combinations(sorted(marked), 2):
        keys = [places[one], places[other]]
        if marked[one].keys() != marked[other].keys():
            both = marked[one].keys() & marked[other].keys()
            keys = [{place for place in own if place[0] in both} for own in keys]
        first, second, same = (Counter(label for *_, label in own) for own in (*keys, keys[0] & keys[1]))
        for label in types:
            if first[label] or second[label]:
                found[label].append(score_counts(same[label], first[label], second[label]).f1)
    return [
        {
            "type": label,
            "f1": rounded(mean(found[label])) if found[label] else None,
            "pairs": len(found[label]),
            "mentions": {name: own[label] for name, own in mentions.items()},
        }
        for label in types
    ]
