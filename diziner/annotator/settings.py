"""Annotator settings: what kind it is, which model, and how that is prompted (params `annotators.<name>`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from diziner.common.errors import UserError
from diziner.prompting.request import ModelSettings

MODEL = "model"  # the kind of annotator that asks a language model
FILE = "file"  # the kind whose labels are a file: people, or another system
PYTHON = "python"  # the kind that is a function of a package
PEOPLE = "people"  # whose labels a file holds, if nothing else is said

# What an entry may have by its kind; a plug-in's kind may have what a model's has.
_OWN_KEYS = ("by", "read", "types", "other_types", "function", "packages")
_KEYS = {
    FILE: ("kind", "by", "read", "types", "other_types"),
    PYTHON: ("kind", "function", "packages", "options", "types", "other_types"),
}


@dataclass(frozen=True, slots=True)
class TypeMap:
    """Types of an annotator that has its own, in the benchmark's labels (`types` and `other_types` of its entry).

    A label that `labels` does not name stays as it is; None there leaves its mentions out. `drop_others`: mentions
    of a type that the guideline has not are left out and counted, where else they are refused.
    """

    labels: Mapping[str, str | None] = field(default_factory=dict)
    drop_others: bool = False


@dataclass(frozen=True, slots=True)
class AnnotatorSettings:
    """`style` is plain (guideline, then document) or few_shot (the guideline's example sentences as earlier turns).

    `prompt` names the template of `diziner/prompts/annotator`: annotate.v2 is for hosted models (`task`).
    `kind` is model, file, python or a plug-in's; a plug-in says what becomes of documents, and `options` are its own
    settings. `model` is None for file and python, which are no language models. `by` says whose labels a file holds,
    people's or a system's, `read` how it is read where that can be done in two ways. `function` is the entry point of
    the kind python; of the distributions in `packages` the versions count in what is up to date, beside its own.
    """

    name: str
    model: ModelSettings | None
    style: str = "plain"
    prompt: str = "annotate.v1"
    kind: str = MODEL
    options: Mapping[str, Any] = field(default_factory=dict)
    by: str = PEOPLE
    read: Mapping[str, Any] = field(default_factory=dict)
    function: str = ""
    packages: tuple[str, ...] = ()
    type_map: TypeMap = field(default_factory=TypeMap)

    @property
    def asked(self) -> ModelSettings:
        """The model that is asked.

        Errors: UserError for an annotator that is no language model.
        """
        if self.model is None:
            raise UserError(f"annotators.{self.name}: is {kind_in_words(self)}: there is no model to ask")
        return self.model

    @property
    def follows_guidelines(self) -> bool:
        """Whether it reads the guideline: what it labels can change from round to round."""
        return self.kind not in _KEYS


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Settings for asking every annotator and reading its answers (params `answers`).

    `occurrences`: `all` gives the type to every occurrence of an answered string, `ordered` to the next one in
    answer order. `matching`: how far an answered string may differ from the text (`diziner.spans.matching`).
    `repair_turns`: turns to mend an unreadable answer. `max_failed_share`: of one annotator's documents in one round;
    above it the stage stops. `allowed_failures`: so many documents may fail all the same in sets of 20 or more.
    `show_goal`: whether annotators are told the goal. `nested`: mentions that overlap are kept, all of them.
    `chunk_tokens`: longer documents are cut into chunks of at most so many tokens, which share `overlap` tokens with
    the one before (`diziner.annotator.chunks`); None: never.

    Errors: UserError for an overlap of more than half a chunk.
    """

    occurrences: Literal["all", "ordered"] = "all"
    matching: Literal["plain", "lenient"] = "lenient"
    repair_turns: int = 1
    max_failed_share: float = 1.0
    allowed_failures: int = 2
    show_goal: bool = True
    nested: bool = False
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
    schema and `check_entry`."""
    own = {key: entry[key] for key in ("style", "prompt", "kind", "options", "by", "read", "function") if key in entry}
    if entry.get("kind") in _KEYS:
        types = TypeMap(entry.get("types", {}), entry.get("other_types") == "drop")
        return AnnotatorSettings(name, None, packages=tuple(entry.get("packages", ())), type_map=types, **own)
    model = {key: value for key, value in entry.items() if key not in own and key not in _OWN_KEYS}
    if "stop" in model:
        model["stop"] = tuple(model["stop"])
    return AnnotatorSettings(name=name, model=ModelSettings(**model), **own)


def is_model(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of params `annotators` names an endpoint and a model: all do but for file and python."""
    return entry.get("kind") not in _KEYS


def check_entry(name: str, entry: Mapping[str, Any], where: str) -> None:
    """Refuse an entry of params `annotators` that lacks what its kind needs, or has what another kind has.

    Errors: UserError with the key.
    """
    kind, place = entry.get("kind", MODEL), f"{where}: annotators.{name}"
    allowed = _KEYS.get(kind)
    foreign = sorted(set(entry) - set(allowed) if allowed else set(entry) & set(_OWN_KEYS))
    if foreign:
        may = ", ".join(allowed) if allowed else f"these are for {FILE} and {PYTHON}"
        raise UserError(f"{place}: kind {kind} has no {', '.join(foreign)}; {'it may have ' if allowed else ''}{may}")
    needed = {FILE: (), PYTHON: ("function",)}.get(kind, ("endpoint", "model"))
    missing = [key for key in needed if key not in entry]
    if missing:
        raise UserError(f"{place}: kind {kind} needs {' and '.join(missing)}")


def kind_in_words(annotator: AnnotatorSettings) -> str:
    """Return what an annotator is that is no language model, for all places that show it; empty for one that is.

    >>> kind_in_words(AnnotatorSettings("anna", None, kind="file"))
    'people, not a language model'
    """
    if annotator.kind == FILE:
        return f"{PEOPLE if annotator.by == PEOPLE else 'another system'}, not a language model"
    return f"function {annotator.function}, not a language model" if annotator.kind == PYTHON else ""
