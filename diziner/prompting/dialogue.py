"""Asking for JSON objects: ask, parse, validate, one repair turn in the same conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diziner.common.plain import plain_line
from diziner.prompting.asker import Asker, KeepingAsker
from diziner.prompting.parse import ParseError, parse_object
from diziner.prompting.request import REPAIR, Message, Request, Response, judged
from diziner.prompting.templates import render
from diziner.prompting.usage import usage_of
from diziner.records.annotations import Failure
from diziner.records.usage import Usage

READS = ("prompts/repair.v1.md",)
OUTAGES = ("rate_limited", "timeout", "unavailable")  # codes of failures without any answer


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How one request went: a valid object or a failure, the repair turns used, the keys of its responses, and what all
    turns together took."""

    value: Mapping[str, Any] | None
    failure: Failure | None
    repairs: int
    responses: tuple[str, ...]
    usage: tuple[Usage, ...] = ()

    def items(self, key: str) -> list[dict[str, Any]]:
        """The list under a key of the object; empty for a failure."""
        return list(self.value[key]) if self.value is not None else []


def ask_objects(
    asker: Asker,
    requests: Sequence[Request],
    validate: Callable[[Any], Any],
    label: str,
    repair_turns: int = 1,
) -> list[Dialogue]:
    """One dialogue per request, in order.

    `validate` raises ValueError with a reason for an object of the wrong form. An answer that holds no valid
    object is followed by a repair turn that names the reason, at most `repair_turns` times; then the dialogue
    is a failure `unparsable`, never an empty object.

    Where that or a refusal is the end, the next replica's answer is taken if an asker that keeps replies has it, or
    asks `again`: that is one more replica a run. So the lowest replica that can be read is the answer from then on.
    """
    dialogues = _ask_each(asker, requests, validate, label, repair_turns)
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
        others = _ask_each(asker, list(chosen.values()), validate, label, repair_turns)
        for place, other in zip(chosen, others, strict=True):
            dialogues[place] = _joined(dialogues[place], other)
        unread = {place: request for place, request in chosen.items() if _is_unread(dialogues[place])}
    return dialogues


def _is_unread(dialogue: Dialogue) -> bool:
    return dialogue.failure is not None and dialogue.failure.code not in OUTAGES


def _joined(dialogue: Dialogue, other: Dialogue) -> Dialogue:
    """The dialogue with that of the next replica behind it: its object, or the first failure still."""
    read = dialogue if other.value is None else other
    responses, usage = dialogue.responses + other.responses, dialogue.usage + other.usage
    return Dialogue(read.value, read.failure, read.repairs, responses, usage)


def _ask_each(
    asker: Asker,
    requests: Sequence[Request],
    validate: Callable[[Any], Any],
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
            value, failure = _read(answer, validate)
            if failure and isinstance(answer, Response) and turn < repair_turns:
                again[position] = request.followed_by(
                    Message("assistant", answer.text),
                    Message("user", render("repair.v1", reason=failure.detail)),
                )
            else:
                done[position] = Dialogue(value, failure, turn, keys[position], usage[position])
        open_requests = again
    return [done[position] for position in range(len(requests))]


def _read(
    outcome: Response | Failure, validate: Callable[[Any], Any]
) -> tuple[Mapping[str, Any] | None, Failure | None]:
    if isinstance(outcome, Failure):
        return None, outcome
    try:
        return parse_object(outcome.text, validate), None
    except ParseError as error:
        return None, Failure("unparsable", plain_line(str(error)))
