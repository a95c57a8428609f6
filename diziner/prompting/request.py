"""Request to a model as data: everything that shapes the answer, its canonical key, and what came back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from diziner.common.errors import UserError
from diziner.records.annotations import Failure

REPAIR = ", repair"  # what the label of repair turns ends in
NEXT_REPLICA = 1000
ONLY_REASONING = "reasoning"  # the finish reason of a response whose text is all reasoning


@dataclass(frozen=True, slots=True)
class Message:
    """One chat turn; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Model and its decoding: the half of an annotator's or supervisor's settings that shapes answers.

    `endpoint` names an entry of params `endpoints`. `revision` pins what the name alone does not (weights
    hash, snapshot date). `structured` is what the model can be held to: none | json_object | json_schema |
    grammar (a schema with length bounds, local models only). `replica` tells apart repeated samples.
    """

    endpoint: str
    model: str
    revision: str = ""
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 2048
    seed: int = 0
    structured: str = "none"
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    replica: int = 0

    @property
    def sent_seed(self) -> int:
        """The seed that a model is sent: another one when an answer is asked for anew."""
        return self.seed + self.replica // NEXT_REPLICA


# No slots: the key is worked out once and kept.
@dataclass(frozen=True)
class Request:
    """A call to make. `address` identifies the endpoint itself (provider and base URL), so that two servers
    with one model name never share answers. `schema` is the JSON Schema sent along, if any. `about` says for
    messages what is asked about (`document 17`); it is no part of the request, nor of its key. Nor is `opening`: what
    requests of a kind begin with, as messages, of which the last may be the beginning of one; empty: all but the last.

    Transport (time limit, headers, key, pacing) is not part of it.
    """

    address: str
    settings: ModelSettings
    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    about: str = field(default="", compare=False)
    opening: tuple[Message, ...] = field(default=(), compare=False)

    def canonical(self) -> dict[str, Any]:
        """Return the request as a JSON object: every field but `about` and `opening`, in plain types."""
        settings = self.settings
        return {
            "address": self.address,
            "endpoint": settings.endpoint,
            "model": settings.model,
            "revision": settings.revision,
            "temperature": float(settings.temperature) + 0.0,  # -0.0 is 0.0, as 1 is 1.0
            "top_p": float(settings.top_p) + 0.0,
            "max_tokens": settings.max_tokens,
            "seed": settings.seed,
            "structured": settings.structured,
            "stop": list(settings.stop),
            "extra": dict(settings.extra),
            "replica": settings.replica,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "schema": self.schema,
        }

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hex digits) of the canonical JSON: equal exactly when the requests are."""
        return key_of(self.canonical())

    def next_replica(self) -> Request:
        """Return the same request for another answer: 1000 replicas on, so that annotators that differ in it keep
        apart."""
        return replace(self, settings=replace(self.settings, replica=self.settings.replica + NEXT_REPLICA))

    def followed_by(self, *turns: Message) -> Request:
        """Return the same conversation with more turns (a repair turn)."""
        return replace(self, messages=self.messages + turns, opening=self.opening or self.messages[:-1])


def key_of(canonical: Mapping[str, Any]) -> str:
    """Return the key of a request in its canonical form, as kept in the store and in tapes.

    Errors: UserError for a request that is not JSON: settings `extra` with other values than JSON has, or text
    with half a surrogate pair.
    """
    try:
        text = json.dumps(canonical, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
    except (TypeError, ValueError) as error:
        # UnicodeEncodeError is a ValueError.
        raise UserError(
            f"request to {canonical.get('model')}: cannot be written as JSON ({error}); "
            "check the settings' `extra` and the document's characters"
        ) from None


@dataclass(frozen=True, slots=True)
class Response:
    """Answer of a model. Token counts are the provider's; `cost_usd` is None where it names none.

    `cached_tokens` are those of the prompt that the provider had at hand.
    """

    text: str
    finish_reason: str
    model: str = ""
    fingerprint: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    cached_tokens: int = 0

    @property
    def failure(self) -> Failure | None:
        """Reason why this is no answer: truncated, refused or empty; None for an answer."""
        if self.finish_reason == "length":
            return Failure("truncated", f"cut off after {self.completion_tokens} tokens")
        if self.finish_reason in {"content_filter", "refusal"}:
            return Failure("refused", f"finish reason {self.finish_reason}")
        if not self.text.strip():
            only_reasoning = self.finish_reason == ONLY_REASONING
            return Failure("empty", "no text but reasoning" if only_reasoning else "no text")
        return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's refusal of this one request, such as a text that is too long: kept, but never an answer.

    `code` and `detail` are those of the failure it stands for; `status` is the HTTP status it came with.
    """

    code: str
    detail: str
    status: int

    @property
    def failure(self) -> Failure:
        """Reason why there is no answer."""
        return Failure(self.code, self.detail)


Reply = Response | Refusal
Outcome = Reply | Failure


def judged(outcome: Outcome) -> Response | Failure:
    """Return the response, or the Failure that a refusal or a response which is no answer stands for."""
    if isinstance(outcome, Failure):
        return outcome
    if isinstance(outcome, Refusal):
        return outcome.failure
    return outcome.failure or outcome
