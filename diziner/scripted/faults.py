"""Faults between a client and a model: their rates, and what each does to an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.scripted.chance import fraction

REFUSAL = "I'm sorry, but I can't help with that request."
INVENTED = "Zyxwick Quarndale"
THOUGHT = "The guideline asks for names. I shall go through the text word by word, then answer."


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of requests that fail, each in [0, 1], together at most 1; the rest are answered well.

    Failed exchanges: `rate_limit` (429 with Retry-After), `rate_limit_bare` (429 without), `server_error`
    (500), `hang` (the answer comes `hang_s` seconds late), `reset` (connection reset in mid-body).
    Spoiled answers, in sound HTTP: `truncated` (half the JSON, finish_reason length), `prose` (JSON in a code
    fence between sentences), `think` (a reasoning block first), `wrong_types` (values of the wrong JSON
    types), `invented` (an entity that the document does not have), `refusal` (no content, a refusal),
    `empty` (content ""). `invented` leaves answers without entities as they are.
    Refusals of the one request: `too_long` (400, by the model's window), `filtered` (400, by an inspection of the
    text), `moderated` (403, by moderation), `too_large` (413).
    Sound answers in other forms: `parts` (a list, thinking first), `reasoning` (all under reasoning_content),
    `odd_numbers` (usage that cannot be true), `reasoned` (with its reasoning beside it), `reasoned_out` (reasoning that
    took all tokens allowed, and no answer), `flood` (a reply of 20 MB). Broken off: `broken_off` (finish_reason error),
    `no_message` (null).
    Whoever sends `bad_key` as bearer gets 401, always.
    """

    rate_limit: float = 0.0
    rate_limit_bare: float = 0.0
    server_error: float = 0.0
    hang: float = 0.0
    reset: float = 0.0
    truncated: float = 0.0
    prose: float = 0.0
    think: float = 0.0
    wrong_types: float = 0.0
    invented: float = 0.0
    refusal: float = 0.0
    empty: float = 0.0
    too_long: float = 0.0
    filtered: float = 0.0
    moderated: float = 0.0
    too_large: float = 0.0
    parts: float = 0.0
    reasoning: float = 0.0
    odd_numbers: float = 0.0
    broken_off: float = 0.0
    no_message: float = 0.0
    reasoned: float = 0.0
    reasoned_out: float = 0.0
    flood: float = 0.0
    hang_s: float = 5.0
    retry_after_s: float = 1.0
    bad_key: str = "scripted-bad-key"

    def __post_init__(self) -> None:
        for name in KINDS:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UserError(f"fault {name}: rate {getattr(self, name)!r}; allowed: 0 to 1")
        total = sum(getattr(self, name) for name in KINDS)
        if total > 1.0 + 1e-9:
            raise UserError(f"faults: rates add up to {total:g}; allowed: at most 1")

    def strike(self, seed: int, body: str, attempt: int) -> str | None:
        """Return the fault of a request, or None: a function of the seed, the body and how often it was asked."""
        left = fraction("fault", seed, body, attempt)
        for name in KINDS:
            left -= getattr(self, name)
            if left < 0:
                return name
        return None


KINDS: tuple[str, ...] = tuple(
    field.name for field in fields(Faults) if field.name not in {"hang_s", "retry_after_s", "bad_key"}
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The one choice of a chat completion."""

    content: str | None
    finish_reason: str = "stop"
    refusal: str | None = None
    form: str = ""  # of the message: parts, reasoning or no_message
    reasoning: str = ""


def spoiled(content: str, fault: str | None) -> Choice:
    """Return the choice that a fault makes of a sound answer (JSON text); faults of the exchange leave it sound."""
    match fault:
        case "truncated":
            return Choice(content[: len(content) // 2], "length")
        case "prose":
            return Choice(f"Sure, here is what you asked for:\n\n```json\n{content}\n```\n\nI hope this helps {{:")
        case "think":
            return Choice(f'<think>\nA draft: {{"entities": [...]}}. Better look again.\n</think>\n{content}')
        case "wrong_types":
            return Choice(_compact({key: _wrong(value) for key, value in jsontext.body(content).items()}))
        case "invented":
            return Choice(_compact(_with_invention(jsontext.body(content))))
        case "refusal":
            return Choice(None, "stop", REFUSAL)
        case "empty":
            return Choice("")
        case "broken_off":
            return Choice("", "error")
        case "reasoned":
            return Choice(content, reasoning=THOUGHT)
        case "reasoned_out":
            return Choice("", "length", reasoning=THOUGHT)
        case "parts" | "reasoning" | "no_message":
            return Choice(content, form=fault)
        case _:
            return Choice(content)


def _wrong(value: object) -> object:
    """Return a value of another JSON type."""
    return 1 if isinstance(value, list | str) else [value]


def _with_invention(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    entities = answer.get("entities")
    if not entities:
        return answer
    return {**answer, "entities": [{**entities[0], "text": INVENTED}, *entities]}


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
