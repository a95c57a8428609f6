"""One benchmark as JSON-able data: its headline figures, its rounds, its guideline through the rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.answercost import Asked, usage_of
from stages.llm.endpoint import Endpoint
from stages.llm.prices import price_of
from stages.llm.request import Response
from stages.settings import Settings
from stages.viewer.files import RoomFiles
from stages.viewer.guidelines import guideline_view, receipts, types_view
from stages.viewer.limits import Limits
from stages.viewer.rounds import Models, annotator_view, refinement_view, round_view, rounded


def benchmark_view(
    files: RoomFiles, answers: Mapping[str, Response], settings: Settings, limits: Limits
) -> dict[str, Any]:
    """Everything about one benchmark. Without gold, scores are None; before the first round, `rounds` is empty."""
    card, types = files.card, list(files.card.types)
    models, supervisor = asked_models(settings)
    tested = _tested(files, settings)
    rounds_of: dict[str, list[int]] = {}
    for part in files.rounds:
        for hotspot in part.hotspots:
            rounds_of.setdefault(hotspot.id, []).append(part.number)
    guidelines = []
    for position, part in enumerate(files.rounds):
        before = files.rounds[position - 1].guideline if position else None
        guidelines.append(guideline_view(part.guideline, before, rounds_of, limits))
    named = set().union(*map(receipts, guidelines))
    rounds = []
    for part, guideline in zip(files.rounds, guidelines, strict=True):
        here = {name for number, name in named if number == part.number}
        view = round_view(part, types, files.gold, here, answers, models, limits)
        record = part.refinement
        refinement = None if record is None else refinement_view(record, answers, supervisor, limits)
        rounds.append({**view, "guideline": guideline, "refinement": refinement})
    return {
        "name": card.name,
        "title": card.title,
        "domain": card.domain,
        "licence": {"name": card.licence.name, "redistribute": card.licence.redistribute, "note": card.licence.note},
        "types": types_view(files.rounds[0].guideline) if files.rounds else [],
        "labels": types,
        "annotators": {name: _model(settings, name) for name in sorted(settings.pool)},
        "supervisor": settings.raw["supervisor"]["model"]["model"],
        "same_documents": len({tuple(sorted(d.id for d in part.documents)) for part in files.rounds}) <= 1,
        "selection": _selection(files),
        "figures": rounded(files.figures) if files.figures else None,
        "scores": rounded(files.scores) if files.scores else None,
        "test": [
            {"guideline": name, **annotator_view("", rows, answers, {"": tested}, limits)}
            for name, rows in files.predictions.items()
        ],
        "scored": sum(row.id in files.gold for row in files.predictions.get("selected", ())),
        "choice": choice_check(files),
        "usage": usage_of(_asked(files, settings, models, supervisor), answers),
        "rounds": rounds,
    }


def choice_check(files: RoomFiles) -> dict[str, Any] | None:
    """The label-free choice held against gold, which it did not see: the chosen annotator's place by pilot F1 in
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


def asked_models(settings: Settings) -> tuple[Models, tuple[Endpoint, str]]:
    """Endpoint and model of every active annotator, and of the supervisor."""
    endpoints = settings.endpoints
    entries = {name: settings.raw["annotators"][name] for name in settings.pool}
    own = settings.raw["supervisor"]["model"]
    models = {name: (endpoints[entry["endpoint"]], entry["model"]) for name, entry in entries.items()}
    return models, (endpoints[own["endpoint"]], own["model"])


def _model(settings: Settings, name: str) -> dict[str, Any]:
    entry = settings.raw["annotators"][name]
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


def _tested(files: RoomFiles, settings: Settings) -> tuple[Endpoint, str]:
    """Endpoint and model behind the test predictions, as they were when chosen; params may have changed since.

    The answers of several voters are not told apart: where their prices differ, theirs is not known.
    """
    chosen = files.selection
    if chosen is None:
        return asked_models(settings)[1]
    entries = [voter["settings"] for _, voter in sorted(chosen["voters"].items())] or [chosen["settings"]]
    known = settings.endpoints
    asked = [(known.get(e["endpoint"]) or Endpoint(e["endpoint"], "hosted"), e["model"]) for e in entries]
    return asked[0] if len({price_of(*one) for one in asked}) == 1 else (Endpoint("", "hosted"), "")


def _asked(files: RoomFiles, settings: Settings, models: Models, supervisor: tuple[Endpoint, str]) -> Sequence[Asked]:
    # An answer of a vote may be a round's, too: whose it is is known there, and the last word counts.
    tested = _tested(files, settings)
    asked = [(key, *tested) for rows in files.predictions.values() for row in rows for key in row.responses]
    asked += [
        (key, *models[name])
        for part in files.rounds
        for name, rows in part.annotations.items()
        for row in rows
        for key in row.responses
    ]
    return asked + [(key, *supervisor) for part in files.rounds for key in (part.refinement or {}).get("responses", ())]
