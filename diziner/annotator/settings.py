"""Annotator settings: which model it is and how it is prompted (params `annotators.<name>`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from diziner.common.errors import UserError
from diziner.prompting.request import ModelSettings

MODEL = "model"  # the kind of annotator that asks a language model


@dataclass(frozen=True, slots=True)
class AnnotatorSettings:
    """`style` is plain (guideline, then document) or few_shot (the guideline's example sentences as earlier turns).

    `prompt` names the template of `diziner/prompts/annotator`: annotate.v2 is for hosted models (`task`).
    `kind` is model, or a plug-in's; a plug-in says what becomes of documents, and `options` are its own settings.
    """

    name: str
    model: ModelSettings
    style: str = "plain"
    prompt: str = "annotate.v1"
    kind: str = MODEL
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Settings for asking every annotator and reading its answers (params `answers`).

    `occurrences`: `all` gives the type to every occurrence of an answered string, `ordered` to the next one in
    answer order. `matching`: how far an answered string may differ from the text (`diziner.spans.matching`).
    `repair_turns`: turns to mend an unreadable answer. `max_failed_share`: of one annotator's documents in one round;
    above it the stage stops. `allowed_failures`: so many documents may fail all the same in sets of 20 or more.
    `show_goal`: whether annotators are told the goal. `chunk_tokens`: longer documents are cut into chunks of at most
    so many tokens, which share `overlap` tokens with the one before (`diziner.annotator.chunks`); None: never.

    Errors: UserError for an overlap of more than half a chunk.
    """

    occurrences: Literal["all", "ordered"] = "all"
    matching: Literal["plain", "lenient"] = "lenient"
    repair_turns: int = 1
    max_failed_share: float = 1.0
    allowed_failures: int = 2
    show_goal: bool = True
    chunk_tokens: int | None = None
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.chunk_tokens is not None and not 0 <= 2 * self.overlap <= self.chunk_tokens:
            raise UserError(
                f"answers.overlap: {self.overlap}; it must be at most half of answers.chunk_tokens, which is "
                f"{self.chunk_tokens}"
            )


def annotator_settings(name: str, entry: Mapping[str, Any]) -> AnnotatorSettings:
    """Make settings from an entry of params `annotators` (or a selection's `settings`), already checked by its
    schema."""
    own = {key: entry[key] for key in ("style", "prompt", "kind", "options") if key in entry}
    model = {key: value for key, value in entry.items() if key not in own}
    if "stop" in model:
        model["stop"] = tuple(model["stop"])
    return AnnotatorSettings(name=name, model=ModelSettings(**model), **own)
