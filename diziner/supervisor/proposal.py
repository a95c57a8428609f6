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
    """Outcome of the phases: patterns and diagnoses as answered, how many instructions were `written`, the
    `candidates` that go on (numbered), what was `cut`, the goal, and the decisions of phase 4. `findings`: by id of a
    pattern or need, whose it is (`annotator`, None for all) and the ids of the kinds of disagreement it explains."""

    patterns: Sequence[Mapping[str, Any]]
    diagnoses: Mapping[str, Any]
    written: int
    candidates: Sequence[Candidate]
    cut: Sequence[Cut]
    goal: Goal
    decisions: Mapping[str, Decision]
    changes: Sequence[Change] = ()
    findings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
