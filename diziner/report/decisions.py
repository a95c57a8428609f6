"""Decisions that a person can take: the questions that most of a round's disagreement hangs on, with their cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from diziner.agreement.case_clusters import LONGER, SHORTER, Cluster, clusters_of
from diziner.agreement.cases import Case, cases_of
from diziner.guideline.choices import decision_for
from diziner.records.guideline import EntityType
from diziner.records.type_names import renaming
from diziner.report.files import RoundFiles

_EXTENT = "Span_Error"  # the family of disagreements about the extent of mentions
_CASES = 5  # of a question that are shown


def decisions_view(files: RoundFiles, limit: int, *, text: bool) -> dict[str, Any]:
    """Return `questions`, the first `limit` of a round: clusters of like cases, those first about which most pairs of
    annotators disagree, and the `share` of the round's disagreement that they are.

    `name` is what `refine --choices` knows a question by. Without `text` the questions are kinds of disagreement, whose
    names quote nothing.
    """
    if not text:
        return _by_kind(files, limit)
    documents = {document.id: document for document in files.documents if document.id not in files.held_back}
    annotations = {name: files.annotations[name] for name in files.agreement["annotators"]}
    cases = cases_of(tuple(documents.values()), annotations)
    clusters = clusters_of(cases, documents, {entry.label: entry.name for entry in files.guideline.types})
    return {
        "share": _share(clusters[:limit], clusters),
        "questions": [
            _question(cluster.name, [word for word, _ in cluster.options], len(cluster.cases), cluster.cases)
            | {"differing": cluster.differing}
            for cluster in clusters[:limit]
        ],
    }


def kinds_by_hotspot(
    groups: Sequence[Mapping[str, Any]], types: Sequence[EntityType], hotspots: Collection[str]
) -> dict[str, str]:
    """Return the kind that each of these hotspots is an example of, the one with most tokens of several: what a line
    that a hotspot led to is about."""
    rename = renaming({entry.label: entry.name for entry in types})
    found: dict[str, str] = {}
    for group in sorted(groups, key=lambda group: (-group["tokens"], group["subtype"])):
        for example in group["examples"]:
            if example["hotspot"] in hotspots:
                found.setdefault(example["hotspot"], rename(group["subtype"]))
    return found


def _question(name: str, options: Sequence[str], places: int, cases: Sequence[Case]) -> dict[str, Any]:
    return {
        "name": name,
        "options": [[option, decision_for(options, option)] for option in options],
        "places": places,
        "cases": [[case.document, case.start, case.end] for case in cases[:_CASES]],
    }


def _share(some: Sequence[Cluster], every: Sequence[Cluster]) -> float | None:
    total = sum(cluster.differing for cluster in every)
    return round(sum(cluster.differing for cluster in some) / total, 6) if total else None


def _by_kind(files: RoundFiles, limit: int) -> dict[str, Any]:
    rename = renaming({entry.label: entry.name for entry in files.guideline.types})
    groups = sorted(files.groups, key=lambda group: (-group["tokens"], group["subtype"]))
    total = sum(group["tokens"] for group in groups)
    return {
        "share": round(sum(group["tokens"] for group in groups[:limit]) / total, 6) if total else None,
        "questions": [
            _question(rename(group["subtype"]), _options(group, rename), group["mentions"], _examples(group))
            | {"differing": group["tokens"]}
            for group in groups[:limit]
        ],
    }


def _examples(group: Mapping[str, Any]) -> list[Case]:
    return [Case(example["document"], example["start"], example["end"], ()) for example in group["examples"]]


def _options(group: Mapping[str, Any], rename: Callable[[str], str]) -> list[str]:
    """Return the answers that compete: types, most frequent first, or extents where the type is not in question."""
    if group["family"] == _EXTENT:
        return [LONGER, SHORTER]
    votes = Counter(dict.fromkeys(rename(group["subtype"]).split("_to_"), 0))
    for example in group["examples"]:
        # A reading with the entity's own text belongs to one example; only its type is an answer to the kind.
        votes[rename(example["consensus"]).partition(' "')[0]] += 1
        for reading, annotators in example["alternatives"]:
            votes[rename(reading).partition(' "')[0]] += len(annotators)
    return sorted(votes, key=lambda reading: (-votes[reading], reading))
