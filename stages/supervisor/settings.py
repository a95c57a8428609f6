"""The supervisor's settings (params `supervisor`): its model, how much it sees at once, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.llm.request import ModelSettings


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """`batch`: all (each phase sees everything in one call) or one (one disagreement, principle or candidate
    a call, for small models). The `max_*` are enforced here, not only asked for: patterns a round, new common
    instructions a round, new instructions per annotator a round. `specific_for_all` diagnoses the coalition's
    annotators too. `update_goal` lets phase 3 rewrite the goal.
    """

    model: ModelSettings
    batch: str = "all"
    max_patterns: int = 5
    max_common: int = 3
    max_specific: int = 2
    specific_for_all: bool = False
    update_goal: bool = True


def supervisor_settings(entry: Mapping[str, Any]) -> SupervisorSettings:
    """From params `supervisor`, already checked by its schema."""
    model = dict(entry["model"])
    if "stop" in model:
        model["stop"] = tuple(model["stop"])
    rest = {key: value for key, value in entry.items() if key != "model"}
    return SupervisorSettings(model=ModelSettings(**model), **rest)
