"""Dialogue for a JSON object: ask, parse, validate, one repair turn in the same conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from diziner.common.plain import plain_line
from diziner.prompting.asker import Asker, KeepingAsker
from diziner.prompting.parse import Form, ParseError, Reading, read_object
from diziner.prompting.request import REPAIR, Message, Request, Response, judged
from diziner.prompting.templates import render
from diziner.prompting.usage import usage_of
from diziner.records.annotations import OUTAGES, Failure
from diziner.records.usage import Usage

READS = ("prompts/repair.v1.md",)

_LONGEST_REPEATED = 20_000  # characters


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Outcome of one request: a valid object or a failure, the repair turns used, the keys of its responses, and what
    all
    turns together took. `forms` counts what in the answer had another form than asked for, `drops` its items left
    out, each by kind."""

    value: Mapping[str, Any] | None
    failure: Failure | None
    repairs: int
    responses: tuple[str, ...]
    usage: tuple[Usage, ...] = ()
    forms: Mapping[str, int] = field(default_factory=dict)
    drops: Mapping[str, int] = field(default_factory=dict)

    def items(self, key: str) -> list[dict[str, Any]]:
        """Return the list under a key of the object; empty for a failure."""
        return list(self.value[key]) if self.value is not None else []


def ask_objects(
    asker: Asker,
    requests: Sequence[Request],
    forms: Sequence[Form],
    label: str,
    repair_turns: int = 1,
) -> list[Dialogue]:
    """Return one dialogue per request, in order; `forms` are those of their answers. An answer that holds no fitting
    object is followed by a repair turn that names the reason, at most `repair_turns` times; then the dialogue
    is a failure `unparsable`, never an empty object.

    Where that or a refusal is the end, the next replica's answer is taken if an asker that keeps replies has it, or
    asks `again`: that is one more replica a run. So the lowest replica that can be read is the answer from then on.
    """
    dialogues = _ask_each(asker, requests, forms, label, repair_turns)
    unread = {place: request for place, request in enumerate(requests) if _is_unread(dialogues[place])}
    renewed: set[int] = set()
    while unread and isinstance(asker, KeepingAsker):
        following = {place: request.next_replica() for place, request in unread.items()}
        kept = dict(zip(following, asker.kept(list(following.values())), strict=True))
        chosen = {
            place: request
            for place, request in following.items()
            if kept[place] or (asker.again and place not in renewed)
        }
        renewed |= {place for place in chosen if not kept[place]}
        others = _ask_each(asker, list(chosen.values()), [forms[place] for place in chosen], label, repair_turns)
        for place, other in zip(chosen, others, strict=True):
            dialogues[place] = _joined(dialogues[place], other)
        unread = {place: request for place, request in chosen.items() if _is_unread(dialogues[place])}
    return dialogues


def _is_unread(dialogue: Dialogue) -> bool:
    return dialogue.failure is not None and dialogue.failure.code not in OUTAGES


def _joined(dialogue: Dialogue, other: Dialogue) -> Dialogue:
    """Return the dialogue with that of the next replica behind it: its object, or the first failure still."""
    read = dialogue if other.value is None else other
    responses, usage = dialogue.responses + other.responses, dialogue.usage + other.usage
    return replace(read, responses=responses, usage=usage)


def _ask_each(
    asker: Asker,
    requests: Sequence[Request],
    forms: Sequence[Form],
    label: str,
    repair_turns: int,
) -> list[Dialogue]:
    done: dict[int, Dialogue] = {}
    keys: list[tuple[str, ...]] = [() for _ in requests]
    usage: list[tuple[Usage, ...]] = [() for _ in requests]
    open_requests = dict(enumerate(requests))
    for turn in range(repair_turns + 1):
        if not open_requests:
            break
        name = label if turn == 0 else f"{label}{REPAIR}"
        outcomes = asker.ask(list(open_requests.values()), name)
        again: dict[int, Request] = {}
        for (position, request), outcome in zip(open_requests.items(), outcomes, strict=True):
            keys[position] += (request.key,)
            usage[position] += (usage_of(request, outcome),)
            answer = judged(outcome)
            reading, failure = _read(answer, forms[position])
            if failure and isinstance(answer, Response) and turn < repair_turns:
                again[position] = request.followed_by(
                    Message("assistant", _repeated(answer.text)),
                    Message("user", render("repair.v1", reason=failure.detail)),
                )
            else:
                done[position] = Dialogue(
                    reading.value if reading else None,
                    failure,
                    turn,
                    keys[position],
                    usage[position],
                    reading.forms if reading else {},
                    reading.drops if reading else {},
                )
        open_requests = again
    return [done[position] for position in range(len(requests))]


def _read(outcome: Response | Failure, form: Form) -> tuple[Reading | None, Failure | None]:
    if isinstance(outcome, Failure):
        return None, outcome
    try:
        return read_object(outcome.text, form), None
    except ParseError as error:
        return None, Failure("unparsable", plain_line(str(error)))


def _repeated(text: str) -> str:
    """Return an answer as the conversation repeats it: the beginning of one that ran away, in whole characters."""
    shown = text if len(text) <= _LONGEST_REPEATED else f"{text[:_LONGEST_REPEATED]}…"
    return shown.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
