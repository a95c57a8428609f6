"""Proposal of a supervisor: all that the phases come to, before it is applied to the guideline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diziner.records.guideline import Goal
from diziner.supervisor.apply import Change, Decision
from diziner.supervisor.bounds import Candidate, Cut


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the phases came to: patterns and diagnoses as answered, how many instructions were `written`, the
    `candidates` that go on (numbered), what was `cut`, the goal, and the decisions of phase 4."""

    patterns: Sequence[Mapping[str, Any]]
    diagnoses: Mapping[str, Any]
    written: int
    candidates: Sequence[Candidate]
    cut: Sequence[Cut]
    goal: Goal
    decisions: Mapping[str, Decision]
    changes: Sequence[Change] = field(default=())
