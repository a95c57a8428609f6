"""The active settings: params.yaml, checked once against its schema and for names that must exist."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.annotator.settings import AnnotatorSettings, annotator_settings
from stages.errors import UserError
from stages.files import read_yaml
from stages.llm.ask import Asker
from stages.llm.endpoint import Endpoint, endpoints_from
from stages.llm.store import ResponseStore
from stages.rooms import COST_REPORT, PARAMS, STORE, Room
from stages.supervisor.settings import SupervisorSettings, supervisor_settings


@dataclass(frozen=True, slots=True)
class Settings:
    """params.yaml as data. `raw` is the checked mapping; the properties are its parts, typed."""

    raw: Mapping[str, Any]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        return endpoints_from(self.raw["endpoints"])

    @property
    def supervisor(self) -> SupervisorSettings:
        return supervisor_settings(self.raw["supervisor"])

    @property
    def pool(self) -> list[str]:
        """The active annotators, in order."""
        return list(self.raw["annotator_pool"])

    def annotator(self, name: str) -> AnnotatorSettings:
        """An annotator by name; UserError with the names there are."""
        entries = self.raw["annotators"]
        if name not in entries:
            raise UserError(f"{PARAMS}: annotators: no annotator {name!r}; there are: {', '.join(sorted(entries))}")
        return annotator_settings(name, entries[name])

    def round(self, number: int) -> int:
        """The round, if there is one of that number; UserError otherwise."""
        known = [entry["id"] for entry in self.raw["rounds"]]
        if number not in known:
            raise UserError(f"{PARAMS}: rounds: no round {number}; there are: {', '.join(map(str, known))}")
        return number

    def asker(self, room: Room) -> Asker:
        """The way to models for one benchmark: the shared response store, then the room's tape."""
        budget = self.raw.get("budget", {}).get("usd")
        return Asker(
            ResponseStore(STORE), self.endpoints, self.raw["weights"], room.tape, budget_usd=budget, report=COST_REPORT
        )


def load_settings(path: Path = PARAMS) -> Settings:
    """Read and check params.yaml.

    Errors: UserError naming the key, what was given and what is allowed.
    """
    raw = read_yaml(path, "params")
    _names_exist(raw, path)
    return Settings(raw)


def _names_exist(raw: Mapping[str, Any], path: Path) -> None:
    annotators, endpoints = raw["annotators"], raw["endpoints"]
    for position, name in enumerate(raw["annotator_pool"]):
        if name not in annotators:
            known = ", ".join(sorted(annotators))
            raise UserError(f"{path}: annotator_pool[{position}]: no annotator {name!r}; there are: {known}")
    models = {f"annotators.{name}": entry for name, entry in annotators.items()}
    models["supervisor.model"] = raw["supervisor"]["model"]
    for where, entry in models.items():
        if entry["endpoint"] not in endpoints:
            known = ", ".join(sorted(endpoints))
            raise UserError(f"{path}: {where}.endpoint: no endpoint {entry['endpoint']!r}; there are: {known}")
    ids = [entry["id"] for entry in raw["rounds"]]
    if ids != list(range(len(ids))):
        raise UserError(f"{path}: rounds: ids are {ids}; they must count up from 0")
    for entry in raw["rounds"]:
        expected = f"rounds/r{entry['id']}/guideline.yaml" if entry["id"] else "guideline.yaml"
        if entry["guideline"] != expected:
            raise UserError(f"{path}: rounds[{entry['id']}].guideline: is {entry['guideline']!r}; must be {expected!r}")
    steps = [(entry["prev"], entry["id"]) for entry in raw["refinements"]]
    if steps != list(itertools.pairwise(ids)):
        raise UserError(
            f"{path}: refinements: are {steps}; each round after the first needs one, from the round before it"
        )
