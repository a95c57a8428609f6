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
from diziner.records.documents import Document
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
    types: Sequence[str],
    gold: Mapping[str, Sequence[Span]],
    named: Collection[str],
    limits: Limits,
) -> dict[str, Any]:
    """Return `hotspots` with the `documents` they lie in, and how many there are in `all`.

    A document's tokens go from `from` to at most `context` tokens past its last hotspot, of `of` tokens; spans are
    `[start, end, index of type]` in the whole document's positions. An annotator that failed has null, and so has
    gold where there is none.
    """
    kept = chosen_hotspots(files.hotspots, limits.hotspots, named)
    errors = hotspot_errors(files, types) if kept else {}
    subtypes = sorted({(family, subtype) for hotspot in kept for _, family, subtype, _ in errors[hotspot.id]})
    annotators = sorted(files.annotations)
    rows = {name: {row.id: row for row in own} for name, own in files.annotations.items()}
    documents: list[dict[str, Any]] = []
    order: dict[str, int] = {}
    for document in files.documents:
        own = [hotspot for hotspot in kept if hotspot.document == document.id]
        if own:
            order[document.id] = len(documents)
            span = (min(h.start for h in own) - limits.context, max(h.end for h in own) + limits.context)
            answers = [rows[name].get(document.id) for name in annotators]
            readings = [None if row is None or row.failure else row.spans for row in answers]
            documents.append(
                _document(document, span, readings, files.consensus.get(document.id, ()), gold.get(document.id), types)
            )
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


def _document(
    document: Document,
    span: tuple[int, int],
    readings: Sequence[Sequence[Span] | None],
    consensus: Sequence[Span],
    gold: Sequence[Span] | None,
    types: Sequence[str],
) -> dict[str, Any]:
    spans = [s for reading in (*readings, consensus, gold) for s in reading or ()]
    start, end = max(0, span[0]), min(len(document.tokens), span[1])
    # A mention that crosses the edge is shown whole.
    start = min([start, *(s.start for s in spans if s.start < start < s.end)])
    end = max([end, *(s.end for s in spans if s.start < end < s.end)])

    def shown(reading: Sequence[Span] | None) -> list[list[int]] | None:
        if reading is None:
            return None
        return [[s.start, s.end, types.index(s.type)] for s in reading if s.start < end and s.end > start]

    return {
        "id": document.id,
        "from": start,
        "of": len(document.tokens),
        "tokens": list(document.tokens[start:end]),
        "readings": [shown(reading) for reading in readings],
        "consensus": shown(consensus),
        "gold": shown(gold),
    }
