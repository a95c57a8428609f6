"""Request files: what could be asked now as lines of a batch, for `vllm run-batch` and the like, and their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import atomic, readable
from diziner.layout import Room, rooms
from diziner.llm.collecting import Intake, output_lines, take_in
from diziner.llm.store import ResponseStore
from diziner.llm.submitting import lines_for
from diziner.llm.tables import kept
from diziner.prompting.request import Request
from diziner.rehearsal.gather import Gathered, gather
from diziner.settings import Settings


def write_requests(path: Path, chosen: Sequence[Room], settings: Settings, model: str | None) -> tuple[int, Gathered]:
    """Write what lacks an answer and could be asked now, of one model; returns how many, and what was gathered.

    Requests to models on this machine are left out. Errors: UserError where several models are asked and none is named.
    """
    found = gather(chosen, settings, lambda endpoint, _: not settings.endpoints[endpoint].backend.runs_here)
    models = Counter(request.settings.model for _, request in found.missing)
    if model is None and len(models) > 1:
        there = ", ".join(f"{name} ({count})" for name, count in sorted(models.items()))
        raise UserError(f"requests to {len(models)} models: choose one with --model: {there}")
    if model is not None and models and model not in models:
        raise UserError(f"--model {model}: nothing is to be asked of it; there are: {', '.join(sorted(models))}")
    works = [work for work in found.missing if model in (None, work[1].settings.model)]
    count = 0
    with atomic(path) as target, target.open("wb") as file:
        for name, own in _by_endpoint(works).items():
            endpoint = settings.endpoints[name]
            if endpoint.base_urls:
                endpoint = replace(endpoint, api_base=endpoint.base_urls[0])
            for _, _, line in lines_for(endpoint, own):
                file.write(line)
                count += 1
    return count, found


def holds_output(path: Path) -> bool:
    """Return whether a file is what came of a batch: its first line has a custom_id. Errors: as `readable`."""
    with readable(path), path.open("rb") as file:
        return "custom_id" in next(output_lines(file), {})


def import_answers(store: ResponseStore, path: Path, settings: Settings) -> Intake:
    """Keep the answers of a batch's output to what lacks one now, whoever had the batch answered."""
    found = gather(rooms(), settings, lambda *_: True)
    groups: dict[tuple[str, str], dict[str, tuple[str, Mapping[str, Any]]]] = {}
    for label, request in found.missing:
        group = request.settings.endpoint, request.settings.model
        groups.setdefault(group, {})[request.key] = (label, request.canonical())
    of_group: dict[tuple[str, str], list[Mapping[str, Any]]] = {group: [] for group in groups}
    homes = {key: group for group, asked in groups.items() for key in asked}
    total = Intake()
    with path.open("rb") as file:
        for line in output_lines(file):
            home = homes.get(str(line.get("custom_id")))
            if home is None:
                total.strange += 1
            else:
                of_group[home].append(line)
    for (name, model), own in of_group.items():
        intake = take_in(
            store, settings.endpoints[name], model, own, groups[name, model], lambda c, key: not kept(c, [key])
        )
        total.add(intake)
    return total


def _by_endpoint(works: Iterable[tuple[str, Request]]) -> dict[str, dict[str, tuple[str, Request]]]:
    found: dict[str, dict[str, tuple[str, Request]]] = {}
    for label, request in works:
        found.setdefault(request.settings.endpoint, {})[request.key] = (label, request)
    return found
