"""Phases of refinement: each a prompt, a schema and the context that all phases share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from diziner.common.errors import ProviderError
from diziner.common.files import schema_of, validator, without_keywords
from diziner.prompting.asker import Asker
from diziner.prompting.dialogue import Dialogue, ask_objects
from diziner.prompting.parse import Form
from diziner.prompting.request import Message, Request
from diziner.prompting.strict import strict, unstrict
from diziner.prompting.templates import example_turns, render
from diziner.records.annotations import OUTAGES
from diziner.records.disagreements import ErrorGroup
from diziner.records.guideline import Guideline, Instruction
from diziner.records.usage import Usage
from diziner.supervisor.evidence import EXAMPLES_SHOWN
from diziner.supervisor.settings import SupervisorSettings

READS = ("prompts/supervisor", "schemas/supervisor")

_BOUNDS = frozenset({"maxLength", "maxItems"})


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a phase: the case it is about, the task's variables, at most how many items its answer lists.

    `about` is the annotator, for phases that go through annotators. `choices` are the values that a field of
    the answer may take, by the field's name (ids that exist, type names).
    """

    case: str
    limit: int
    variables: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass
class Supervisor:
    """Asks the phases' questions about one guideline and keeps a record of how each phase went."""

    guideline: Guideline
    settings: SupervisorSettings
    asker: Asker
    label: str
    rejected: Sequence[str] = ()
    gold: bool = False
    record: list[dict[str, Any]] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)

    def ask(self, phase: str, questions: Sequence[Question]) -> list[Dialogue]:
        """Return all questions of a phase at once; one dialogue per question, failures included."""
        requests = [self._request(phase, question) for question in questions]
        # Only grammars can be held to lengths: an answer that is longer than a small model's may be is still one.
        ignoring = frozenset() if self.settings.model.structured == "grammar" else _BOUNDS
        schema = f"supervisor/{phase}"
        form = Form(validator(schema, ignoring), schema_of(schema)["required"])
        dialogues = ask_objects(self.asker, requests, [form] * len(requests), f"{self.label} {phase}")
        self._refuse_outage(phase, dialogues)
        dialogues = [replace(d, value=unstrict(d.value, q.choices)) for d, q in zip(dialogues, questions, strict=True)]
        self.responses += [key for dialogue in dialogues for key in dialogue.responses]
        self.usage += [used for dialogue in dialogues for used in dialogue.usage]
        self.record.append(
            {
                "phase": phase,
                "calls": len(questions),
                "repairs": sum(dialogue.repairs for dialogue in dialogues),
                "failed": [d.failure.code for d in dialogues if d.failure is not None],
            }
        )
        return dialogues

    def _refuse_outage(self, phase: str, dialogues: Sequence[Dialogue]) -> None:
        """Raise for an unreachable supervisor; an unreadable answer leaves the guideline as it was."""
        outages = [d.failure for d in dialogues if d.failure is not None and d.failure.code in OUTAGES]
        if outages:
            raise ProviderError(
                f"{self.label} {phase}: {len(outages)} of {len(dialogues)} calls failed ({outages[0].code}: "
                f"{outages[0].detail}); what was answered is kept: run again to ask only for the rest"
            )

    def _request(self, phase: str, question: Question) -> Request:
        model = self.settings.model
        context = render("supervisor/context.v1", **self._context(question.about))
        task = render(f"supervisor/{phase}.v1", **question.variables)
        if self.settings.batch == "one":
            # Small models follow examples, not descriptions: the task is told once, then shown.
            shown = example_turns(f"supervisor/{phase}.examples.v1")
            messages = (Message("system", f"{context}\n\n{task}"), *shown, Message("user", question.case))
        else:
            messages = (Message("system", context), Message("user", f"{question.case}\n\n{task}"))
        address = self.asker.address(model.endpoint)
        return Request(address, model, messages, _schema(phase, model.structured, question))

    def _context(self, annotator: str) -> dict[str, Any]:
        guideline = self.guideline
        own = guideline.specific.get(annotator, ())
        lines = [line for i in guideline.common for line in instruction_lines(i)]
        lines += [f"{line} (for {annotator} only)" for i in own for line in instruction_lines(i)]
        return {
            "goal": guideline.goal if self.settings.show_goal else None,
            "types": guideline.types,
            "instructions": lines,
            "choices": guideline.choices,
            "rejected": self.rejected,
            "gold": self.gold,
        }


def shown(groups: Sequence[ErrorGroup]) -> str:
    """Return groups of disagreements as the supervisor sees them."""
    return render("supervisor/disagreements.v1", groups=groups, limit=EXAMPLES_SHOWN)


def instruction_lines(instruction: Instruction) -> list[str]:
    """Return an instruction and its children as prompt lines, each with its id."""
    lines = [f"- {instruction.id}: {instruction.text}"]
    return lines + [f"  - {child.id}: {child.text}" for child in instruction.children]


def _schema(phase: str, structured: str, question: Question) -> dict[str, Any] | None:
    """Return the phase's schema as sent: with its bounds for grammars; for hosted models without, and in the strict
    subset."""
    if structured not in {"json_schema", "grammar"}:
        return None
    bounds = frozenset() if structured == "grammar" else _BOUNDS
    schema: dict[str, Any] = without_keywords(schema_of(f"supervisor/{phase}"), bounds | {"$schema"})
    _hold(schema, question.choices)
    if structured == "grammar":
        for value in schema["properties"].values():
            if value.get("type") == "array":
                value["maxItems"] = question.limit
        return schema
    held: dict[str, Any] = strict(schema)
    return held


def _hold(schema: Any, choices: Mapping[str, Sequence[str]]) -> None:
    """Hold the fields of a schema that are named in `choices` to these, at every depth."""
    if isinstance(schema, dict):
        for name, field_schema in schema.get("properties", {}).items():
            if name in choices:
                schema["properties"][name] = {"type": "string", "enum": list(choices[name])}
            else:
                _hold(field_schema, choices)
        _hold(schema.get("items"), choices)
