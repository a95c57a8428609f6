"""Phases of refinement: each a prompt, a schema and the context that all phases share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from diziner.common.errors import ProviderError
from diziner.common.files import schema_of, validator, without_keywords
from diziner.guideline.instruction_examples import with_names
from diziner.prompting.asker import Asker
from diziner.prompting.dialogue import Dialogue, ask_objects
from diziner.prompting.parse import Form
from diziner.prompting.request import Message, Request
from diziner.prompting.strict import strict, unstrict
from diziner.prompting.templates import example_turns, render
from diziner.records.annotations import OUTAGES
from diziner.records.disagreements import ErrorGroup
from diziner.records.guideline import EntityType, Example, Goal, Guideline, Instruction
from diziner.records.usage import Usage
from diziner.supervisor.evidence import EXAMPLES_SHOWN
from diziner.supervisor.other_forms import SupervisorForm, with_known_names
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

    @property
    def version(self) -> str:
        """Version of the prompts: v1.1 for one case a call, v2 for a phase in one call."""
        return "v1.1" if self.settings.batch == "one" else "v2"

    def ask(self, phase: str, questions: Sequence[Question]) -> list[Dialogue]:
        """Return all questions of a phase at once; one dialogue per question, failures included."""
        return self._asked(phase, [self._request(phase, question) for question in questions], questions)

    def ask_to_mend(
        self,
        phase: str,
        questions: Sequence[Question],
        values: Sequence[Mapping[str, Any]],
        faults: Sequence[Sequence[str]],
    ) -> list[Dialogue]:
        """Return the answers to repair turns, one behind each answer (`values`) in which something cannot be taken."""
        requests = []
        for question, value, own in zip(questions, values, faults, strict=True):
            given = json.dumps(value, ensure_ascii=False)
            which = {} if self.settings.batch == "one" else {"phase": phase}  # one case a call is of one form
            reasons = render(f"supervisor/mend.{self.version}", faults=own, **which)
            turns = (Message("assistant", given), Message("user", reasons))
            requests.append(self._request(phase, question).followed_by(*turns))
        return self._asked(f"{phase}, mended", requests, questions, phase)

    def _asked(
        self, name: str, requests: Sequence[Request], questions: Sequence[Question], phase: str = ""
    ) -> list[Dialogue]:
        # Only grammars can be held to lengths: an answer that is longer than a small model's may be is still one.
        ignoring = frozenset() if self.settings.model.structured == "grammar" else _BOUNDS
        schema = self._schema_name(phase or name)
        check = validator(schema, ignoring)
        at_once = self.settings.batch != "one"  # of a large model, which may be held to no schema
        form = SupervisorForm(check, schema_of(schema)) if at_once else Form(check, schema_of(schema)["required"])
        dialogues = ask_objects(self.asker, requests, [form] * len(requests), f"{self.label} {name}")
        self._refuse_outage(name, dialogues)
        dialogues = [replace(d, value=unstrict(d.value, q.choices)) for d, q in zip(dialogues, questions, strict=True)]
        if at_once:
            named = (with_known_names(d.value, q.choices) for d, q in zip(dialogues, questions, strict=True))
            dialogues = [replace(dialogue, value=value) for dialogue, value in zip(dialogues, named, strict=True)]
        self.responses += [key for dialogue in dialogues for key in dialogue.responses]
        self.usage += [used for dialogue in dialogues for used in dialogue.usage]
        self.record.append(
            {
                "phase": name,
                "calls": len(questions),
                "repairs": sum(dialogue.repairs for dialogue in dialogues),
                "failed": [d.failure.code for d in dialogues if d.failure is not None],
            }
        )
        return dialogues

    def _schema_name(self, phase: str) -> str:
        return f"supervisor/{phase}" if self.settings.batch == "one" else f"supervisor/{phase}.v2"

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
        context = render(f"supervisor/context.{self.version}", **self._context(question.about))
        task = render(f"supervisor/{phase}.{self.version}", **question.variables)
        if self.settings.batch == "one":
            # Small models follow examples, not descriptions: the task is told once, then shown.
            shown = example_turns(f"supervisor/{phase}.examples.{self.version}")
            messages = (Message("system", f"{context}\n\n{task}"), *shown, Message("user", question.case))
        else:
            messages = (Message("system", context), Message("user", f"{question.case}\n\n{task}"))
        address = self.asker.address(model.endpoint)
        return Request(address, model, messages, _schema(self._schema_name(phase), model.structured, question))

    def _context(self, annotator: str) -> dict[str, Any]:
        """Return variables of the context: with everyone's lines and those of one annotator, or (an empty name, with a
        phase in one call) of each."""
        guideline = self.guideline
        one = self.settings.batch == "one"
        names = (annotator,) if annotator else () if one else sorted(guideline.specific)
        lines_of = instruction_lines if one else partial(full_lines, types=guideline.types)
        lines = [line for i in guideline.common for line in lines_of(i)]
        for name in names:
            own = [line for i in guideline.specific.get(name, ()) for line in lines_of(i)]
            lines += [f"{line} (for {name} only)" if line.lstrip().startswith("-") else line for line in own]
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


def full_lines(instruction: Instruction, types: Sequence[EntityType]) -> list[str]:
    """Return an instruction and its children as prompt lines, each with its id and its examples below it, in names."""
    named = with_names([instruction], types)[0]
    lines = []
    for depth, entry in [(0, named), *((1, child) for child in named.children)]:
        owner = "" if entry.receipt else " [a person's line]"
        lines.append(f"{'  ' * depth}- {entry.id}: {entry.text}{owner}")
        lines += [f"{'  ' * depth}  > {_example_line(example)}" for example in entry.examples]
    return lines


def changed_goal(before: Goal, dialogue: Dialogue) -> Goal:
    """Return the goal as an answer to phase `goal` leaves it: changed only as a whole, with text in every section."""
    value = dialogue.value
    if value is None or not value["updated"]:
        return before
    sections = {
        key: " ".join(value[key].split()) or getattr(before, key) for key in ("documents", "purpose", "types", "use")
    }
    return Goal(**sections)


def _example_line(example: Example) -> str:
    text = f'"{example.text}" -> {example.annotation}' if example.annotation else example.text
    line = text + (f" ({example.explanation})" if example.explanation else "")
    return " ".join(line.splitlines())


def _schema(name: str, structured: str, question: Question) -> dict[str, Any] | None:
    """Return the phase's schema as sent: with its bounds for grammars; for hosted models without, and in the strict
    subset."""
    if structured not in {"json_schema", "grammar"}:
        return None
    bounds = frozenset() if structured == "grammar" else _BOUNDS
    schema: dict[str, Any] = without_keywords(schema_of(name), bounds | {"$schema"})
    _hold(schema, question.choices)
    if structured == "grammar":
        for value in schema["properties"].values():
            if value.get("type") == "array":
                value["maxItems"] = question.limit
        return schema
    held: dict[str, Any] = strict(schema)
    return held


def _hold(schema: Any, choices: Mapping[str, Sequence[str]]) -> None:
    """Hold the fields of a schema that are named in `choices`, or their items, to these, at every depth."""
    if isinstance(schema, dict):
        for name, field_schema in schema.get("properties", {}).items():
            held = {"type": "string", "enum": list(choices.get(name, ()))}
            if name in choices and field_schema.get("type") == "array":
                schema["properties"][name] = {**field_schema, "items": held}
            elif name in choices:
                schema["properties"][name] = held
            else:
                _hold(field_schema, choices)
        _hold(schema.get("items"), choices)
