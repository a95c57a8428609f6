"""Hotspots of a round as the page shows them: the text around, every reading, and each error's family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from diziner.agreement.candidates import candidates_of
from diziner.agreement.encoding import encode
from diziner.agreement.error_families import find_disagreements, subtype_name
from diziner.agreement.span_groups import span_disagreements
from diziner.common.rounding import rounded
from diziner.records.annotations import Annotation, Span
from diziner.records.disagreements import Hotspot
from diziner.report.documents import answered, differing, document_view, most_disputed
from diziner.report.files import RoundFiles
from diziner.report.limits import Limits

Errors = dict[str, list[tuple[str, str, str, int]]]  # hotspot id -> (annotator, family, subtype, tokens)


def chosen_hotspots(hotspots: Sequence[Hotspot], limit: int, named: Collection[str]) -> list[Hotspot]:
    """Return the `limit` hotspots of highest score and those that a receipt names, in their own order; ties by id."""
    ranked = sorted(hotspots, key=lambda hotspot: (-hotspot.score, hotspot.id))[:limit]
    kept = {hotspot.id for hotspot in ranked} | set(named)
    return [hotspot for hotspot in hotspots if hotspot.id in kept]


def hotspot_errors(files: RoundFiles, types: Sequence[str]) -> Errors:
    """Return each annotator's disagreements with the consensus inside every hotspot, by error family and subtype."""
    annotators = files.agreement["annotators"]
    if any(hotspot.candidates for hotspot in files.hotspots):
        return _span_errors(files, types)
    corpus = encode(files.documents, {name: files.annotations[name] for name in annotators}, types)
    agreed = [Annotation(document.id, tuple(files.consensus[document.id])) for document in corpus.documents]
    consensus = encode(corpus.documents, {"consensus": agreed}, types).codes[0]
    starts = dict(zip((d.id for d in corpus.documents), corpus.offsets[:-1].tolist(), strict=True))
    block_of = np.full(len(consensus), -1, np.int64)
    for number, hotspot in enumerate(files.hotspots):
        base = starts[hotspot.document]
        block_of[base + hotspot.start : base + hotspot.end] = number
    found = find_disagreements(corpus, consensus)
    counts: dict[tuple[int, int, int], int] = {}
    for annotator, block, group in zip(
        found.annotator.tolist(), block_of[found.token].tolist(), found.group.tolist(), strict=True
    ):
        if block >= 0:
            counts[block, annotator, group] = counts.get((block, annotator, group), 0) + 1
    errors: Errors = {hotspot.id: [] for hotspot in files.hotspots}
    for (block, annotator, group), tokens in sorted(counts.items()):
        family, subtype = subtype_name(group, corpus.types)
        errors[files.hotspots[block].id].append((corpus.annotators[annotator], family, subtype, tokens))
    return errors


def _span_errors(files: RoundFiles, types: Sequence[str]) -> Errors:
    """Return the same where spans may be nested: disagreements are candidate spans of a hotspot."""
    annotations = {name: files.annotations[name] for name in files.agreement["annotators"]}
    candidates = candidates_of(files.documents, annotations, types)
    corpus = encode(candidates.documents, {name: candidates.rows(own) for name, own in annotations.items()}, types)
    agreed = [
        Annotation(document.id, candidates.units(document.id, files.consensus.get(document.id, ())))
        for document in corpus.documents
    ]
    consensus = encode(corpus.documents, {"consensus": agreed}, types).codes[0]
    start, end = candidates.bounds(corpus.documents)
    found = span_disagreements(corpus, consensus, start, end)
    names = [document.id for document in corpus.documents]
    hotspot_of = {(h.document, *bounds): h.id for h in files.hotspots for bounds in h.candidates}
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for annotator, unit, group in zip(
        found.annotator.tolist(), found.token.tolist(), found.group.tolist(), strict=True
    ):
        document = names[int(corpus.document_of[unit])]
        hotspot = hotspot_of.get((document, int(start[unit]), int(end[unit])))
        if hotspot is not None:
            counts[(hotspot, corpus.annotators[annotator], *subtype_name(group, corpus.types))] += 1
    errors: Errors = {hotspot.id: [] for hotspot in files.hotspots}
    for (hotspot, name, family, subtype), tokens in sorted(counts.items()):
        errors[hotspot].append((name, family, subtype, tokens))
    return errors


def hotspots_view(
    files: RoundFiles,
    errors: Errors,
    types: Sequence[str],
    gold: Mapping[str, Sequence[Span]],
    named: Collection[str],
    limits: Limits,
    *,
    text: bool = True,
) -> dict[str, Any]:
    """Return `hotspots`, how many there are in `all`, and `documents`: the most disputed ones whole, others that a
    hotspot lies in from `context` tokens before its first one to as many past its last.

    `errors` are those of `hotspot_errors`. `readings` of a document are those of the consensus, which come first, and
    of all annotators by name.
    """
    kept = chosen_hotspots(files.hotspots, limits.hotspots, named)
    subtypes = sorted({(family, subtype) for hotspot in kept for _, family, subtype, _ in errors[hotspot.id]})
    annotators = sorted(files.annotations)
    rows = [{row.id: row for row in files.annotations[name]} for name in annotators]
    agreed = [files.consensus.get(document.id, ()) for document in files.documents]
    found = [[answered(own, document.id) for own in rows] for document in files.documents]
    scores = [
        sum(differing(own, consensus) for own in readings) for readings, consensus in zip(found, agreed, strict=True)
    ]
    whole = most_disputed(scores, limits.documents)
    documents: list[dict[str, Any]] = []
    order: dict[str, int] = {}
    for place, document in enumerate(files.documents):
        own = [hotspot for hotspot in kept if hotspot.document == document.id]
        if not own and place not in whole:
            continue
        order[document.id] = len(documents)
        bounds = (min(h.start for h in own) - limits.context, max(h.end for h in own) + limits.context) if own else None
        shown = document_view(
            document,
            [agreed[place], *found[place]],
            gold.get(document.id),
            types,
            bounds=None if place in whole else bounds,
            text=text,
        )
        documents.append(shown | {"number": place + 1})
    return {
        "all": len(files.hotspots),
        "subtypes": [list(subtype) for subtype in subtypes],
        "documents": documents,
        "hotspots": [
            {
                "id": hotspot.id,
                "document": order[hotspot.document],
                "start": hotspot.start,
                "end": hotspot.end,
                "kind": hotspot.kind,
                "score": rounded(hotspot.score),
                "errors": [
                    [annotators.index(name), subtypes.index((family, subtype)), tokens]
                    for name, family, subtype, tokens in errors[hotspot.id]
                ],
            }
            for hotspot in kept
        ],
    }
