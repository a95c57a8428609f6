"""Benchmarks of the report as JSON-able data: headline figures, rounds, the guideline through the rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.common.rounding import rounded
from diziner.corpora.card import Card
from diziner.report.bundle import passes
from diziner.report.documents import test_view
from diziner.report.files import RoomFiles
from diziner.report.guidelines import guideline_view, receipts, types_view
from diziner.report.limits import Limits
from diziner.report.provenance import computed_with, provenance_note
from diziner.report.rounds import RoundParts, annotator_view, refinement_view, round_parts, round_view
from diziner.results.usage import usage_totals
from diziner.settings import Settings

OWN = "own"  # the licence that `diziner new` writes


def benchmark_parts(files: RoomFiles, settings: Settings, *, show_text: bool | None = None) -> list[RoundParts]:
    """Return what no limit changes of each round of a benchmark."""
    text = _text(files, settings, show_text)
    return [round_parts(part, list(files.card.types), text=text) for part in files.rounds]


def benchmark_view(
    files: RoomFiles,
    texts: Mapping[str, str],
    settings: Settings,
    limits: Limits,
    parts: Sequence[RoundParts] | None = None,
    *,
    show_text: bool | None = None,
) -> dict[str, Any]:
    """Return everything about one benchmark. Without gold, scores are None; before the first round, `rounds` is empty.

    `texts` are the supervisor's answers at hand, by key. `parts` are those of `benchmark_parts`, made here if None.
    `show_text`: whether texts of documents are shown; None: as `shows_text` says. `closed`: its texts may not be passed
    on. `left_out`: why the last run left the benchmark out, "" if it did not.
    """
    card, types, endpoints = files.card, list(files.card.types), settings.endpoints
    text = _text(files, settings, show_text)
    parts = benchmark_parts(files, settings, show_text=show_text) if parts is None else parts
    rounds_of: dict[str, list[int]] = {}
    for part in files.rounds:
        for hotspot in part.hotspots:
            rounds_of.setdefault(hotspot.id, []).append(part.number)
    guidelines = []
    for position, part in enumerate(files.rounds):
        earlier = files.rounds[position - 1] if position else None
        before = earlier.guideline if earlier and earlier.number == part.number - 1 else None
        guidelines.append(guideline_view(part.guideline, before, rounds_of, limits, text=text))
    named = set().union(*map(receipts, guidelines))
    rounds = []
    for part, made, guideline in zip(files.rounds, parts, guidelines, strict=True):
        here = {name for number, name in named if number == part.number}
        view = round_view(part, made, types, files.gold, here, endpoints, limits, text=text)
        record, taken = part.refinement, part.refinement_usage
        refinement = None
        if record is not None:
            refinement = refinement_view(record, texts, taken, endpoints, limits, text=text)
        rounds.append({**view, "guideline": guideline, "refinement": refinement})
    return {
        "name": card.name,
        "title": card.title,
        "domain": card.domain,
        "left_out": files.left_out,
        "closed": not passes(card, settings.source(card.name))[0],
        "text": text,
        "types": types_view(files.rounds[0].guideline) if files.rounds else [],
        "labels": types,
        "annotators": {name: _model(settings, name) for name in sorted(settings.pool)},
        "supervisor": settings.supervisor.model.model,
        "same_documents": len({tuple(sorted(d.id for d in part.documents)) for part in files.rounds}) <= 1,
        "selection": _selection(files),
        "figures": rounded(files.figures) if files.figures else None,
        "scores": rounded(files.scores) if files.scores else None,
        "test": [
            {"guideline": name, **annotator_view("", rows, files.usage.get(name, ()), endpoints, limits, text=text)}
            for name, rows in files.predictions.items()
        ],
        "test_documents": test_view(files, limits.documents, text=text),
        "scored": _scored(files),
        "faults": list(files.faults),
        "choice": choice_check(files),
        "usage": usage_totals(files.all_usage(), endpoints),
        "computed": provenance_note(computed_with(files.all_usage(), settings.local_endpoints)),
        "rounds": rounds,
    }


def shows_text(card: Card, source: str) -> bool:
    """Say whether the page holds a benchmark's texts unless it is told otherwise: not where its licence forbids to pass
    them on. An own corpus is its owner's, who reads this page to see it."""
    return passes(card, source)[0] or card.licence.name == OWN


def _text(files: RoomFiles, settings: Settings, show_text: bool | None) -> bool:
    return shows_text(files.card, settings.source(files.card.name)) if show_text is None else show_text


def _scored(files: RoomFiles) -> int:
    """Return how many test documents the headline figures are of, here or not."""
    if files.counted is not None:
        return files.counted
    return sum(row.id in files.gold for row in files.predictions.get("selected", ()))


def choice_check(files: RoomFiles) -> dict[str, Any] | None:
    """Return the label-free choice held against gold, which it did not see: the chosen annotator's place by pilot F1 in
    its round among `of` annotators (ties share the better place), its F1 and the best one's. None without gold."""
    if not (files.selection and files.scores):
        return None
    number = files.selection["round"]
    found = files.scores["pilot"].get(str(number), {})
    known = {name: value for name, value in found.items() if value is not None}
    own = known.get(files.selection["annotator"])
    if own is None:
        return None
    documents = next((part.documents for part in files.rounds if part.number == number), ())
    return {
        "place": 1 + sum(value > own for value in known.values()),
        "of": len(known),
        "f1": rounded(own),
        "best": rounded(max(known.values())),
        "documents": sum(document.id in files.gold for document in documents),
    }


def _model(settings: Settings, name: str) -> dict[str, Any]:
    entry = settings.annotator_entries[name]
    if name in settings.no_models:
        return {"model": settings.no_models[name], "other": True}
    return {key: entry[key] for key in ("model", "style", "temperature") if key in entry}


def _selection(files: RoomFiles) -> dict[str, Any] | None:
    chosen = files.selection
    if chosen is None:
        return None
    return {
        "round": chosen["round"],
        "annotator": chosen["annotator"],
        "mean": rounded(chosen["mean"]),
        "voters": sorted(chosen["voters"]),
    }
