"""Supervisor settings (params `supervisor`): its model, how much it sees at once, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diziner.prompting.request import ModelSettings


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Settings of the supervisor; every limit is announced in the prompts and enforced in code. None: no limit.

    `batch`: all (each phase sees everything in one call) or one (one disagreement, principle or candidate
    a call, for small models). A round brings at most `max_patterns` patterns, `max_common` new common
    instructions and `max_specific` new ones per annotator; it changes at most the share `max_change` of the
    words of the instructions that stand (None: no limit). No annotator is shown more than `max_words` words of
    instructions, no example is longer than `max_example_words`; one call shows about `max_evidence_tokens` of
    disagreements at most (batch all). `specific_for_all` diagnoses the coalition's
    annotators too. `update_goal` lets phase 3 rewrite the goal; without `show_goal`
    the supervisor is not told it. `method`: disagreements, or metaprompt (a rival: it is shown the guideline and the
    documents' texts, and nothing of what annotators made of them).

    `accept`: always, or agreement (a guideline is the base of the next one only if agreement on the same
    documents did not fall under it), or lines (each new instruction is tried alone on the documents held back, and kept
    if agreement on them rises by `accept_margin` or, where that is 0, does not fall).
    `stop_below`: a change of agreement smaller than this ends refinement
    (None: never). `drop_worst_margin`: an annotator whose mean agreement is this far below the mean of all is
    left out from then on, while more than `drop_worst_keep` remain (None: never; method section 9).

    `examples`: none, fixed or similar: whether annotators are shown documents of the round before on which they
    agreed, and which: `examples_shown` for every document, or the most similar ones for each. Such a document has at
    most `examples_words` tokens and an agreement of at least `examples_agreement`.
    """

    model: ModelSettings
    batch: str = "all"
    max_patterns: int = 5
    max_common: int | None = 3
    max_specific: int | None = 2
    max_change: float | None = None
    max_words: int | None = 600
    max_example_words: int | None = 12
    max_evidence_tokens: int | None = 24000
    specific_for_all: bool = False
    update_goal: bool = True
    show_goal: bool = True
    accept: str = "always"
    accept_margin: float = 0.0
    stop_below: float | None = None
    drop_worst_margin: float | None = None
    drop_worst_keep: int = 4
    examples: str = "none"
    examples_shown: int = 4
    examples_words: int = 40
    examples_agreement: float = 0.5
    method: str = "disagreements"

    @property
    def may_change(self) -> bool:
        """Whether a refinement may change anything: a limit of no instruction at all leaves the goal, if that."""
        return self.max_common != 0 or self.max_specific != 0 or (self.update_goal and self.show_goal)


def supervisor_settings(entry: Mapping[str, Any]) -> SupervisorSettings:
    """Make settings from params `supervisor`, already checked by its schema."""
    model = dict(entry["model"])
    if "stop" in model:
        model["stop"] = tuple(model["stop"])
    rest = {key: value for key, value in entry.items() if key != "model"}
    return SupervisorSettings(model=ModelSettings(**model), **rest)
