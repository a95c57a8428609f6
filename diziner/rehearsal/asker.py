"""Asker that calls nobody: what the store has is answered from it, the rest by scripted stand-ins, and counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diziner.common.files import schema_of
from diziner.llm.ask import StoreAsker
from diziner.llm.price_list import price_for
from diziner.prices import Price, prompt_tokens, tokens_in
from diziner.prompting.request import REPAIR, ModelSettings, Outcome, Refusal, Request, Response
from diziner.rehearsal.window import TooLong, Window, too_long

_STAND_INS = ("careful", "eager", "shy")
SUPERVISOR = "supervisor: "  # how labels of the supervisor's work go on, before the phase
_FEWEST = 5  # answers of a model before its history is believed; of one that reasons, the first is telling
# Fields of settings `extra` that have a model reason before it answers, as providers and litellm name them.
_REASONING = ("reasoning", "reasoning_effort", "thinking", "chat_template_kwargs")


@dataclass(frozen=True, slots=True)
class Planned:
    """Plan of one kind of work: `asked` requests, of these `calls` to a model, with their tokens.

    `too_long` are the calls that do not fit into `window`. `endpoint` is where the model is asked. `usd` is None where
    the model has no price. `unseen`: the model reasons, and no answer has told how long; `most_usd` is what the calls
    cost if each answer is as long as it may be.
    """

    work: str
    model: str
    asked: int
    calls: int
    prompt_tokens: float
    completion_tokens: float
    usd: float | None
    window: Window
    too_long: tuple[TooLong, ...] = ()
    endpoint: str = ""
    price: Price | None = None
    unseen: bool = False
    most_usd: float | None = None


@dataclass
class History:
    """Lengths of a model's prompts and answers so far, against how long they look."""

    requests: int = 0
    looked: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0


@dataclass
class Rehearser(StoreAsker):
    """An asker that calls nobody: use it where an asker goes, then read `plan`.

    Each annotator of `annotators` has a stand-in with errors of its own, so that they disagree as annotators do
    and the supervisor has something to do. Prompts are as long as they look, and answers as the stand-in's,
    unless the store has answers of the model to go by (`learn`).
    """

    annotators: Sequence[str] = ()
    plan: list[Planned] = field(default_factory=list)
    _history: dict[tuple[str, str, str, bool], History] = field(default_factory=dict)
    _rehearsed: dict[str, Response] = field(default_factory=dict)

    def learn(self, rows: Iterable[tuple[str, Mapping[str, Any], Response | Refusal]]) -> None:
        """Take a store's or a tape's rows for a history of how long things are."""
        for _, request, response in rows:
            if isinstance(response, Response) and response.prompt_tokens:
                texts = [message["content"] for message in request["messages"]]
                key = _kind(request["address"], request["model"], request["extra"], texts)
                history = self._history.setdefault(key, History())
                history.requests += 1
                history.looked += sum(tokens_in(message["content"]) for message in request["messages"])
                history.prompt += response.prompt_tokens
                history.cached += response.cached_tokens
                history.completion += response.completion_tokens

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        """Answer like `StoreAsker.ask`; what a call would have given is a stand-in's answer."""
        keys = [request.key for request in requests]
        answers = self._found(keys)
        known = answers.keys() | self._rehearsed.keys()
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
        for key, request in missing.items():
            self._rehearsed[key] = self._answer(request, label)
        self.plan += [self._planned(label, requests, missing)] if requests else []
        outcomes = {**self._rehearsed, **answers}
        return [outcomes[key] for key in keys]

    def _answer(self, request: Request, label: str) -> Response:
        from diziner.scripted.brain import answer

        work = label.removesuffix(REPAIR)
        _, is_supervisor, phase = work.partition(SUPERVISOR)
        # A supervisor that is not sent a schema has it in its prompt by example only: the stand-in needs the schema.
        schema = schema_of(phase) if is_supervisor and request.schema is None else request.schema
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        text = answer(messages, self._stand_in(work), request.settings.seed, schema)
        prompt, cached, completion = self._tokens(request, text)
        model = request.settings.model
        return Response(text, "stop", model, "", round(prompt), round(completion), cached_tokens=round(cached))

    def _stand_in(self, work: str) -> str:
        name = work.rpartition(", ")[2]
        if name not in self.annotators:
            return "scripted-supervisor"
        number = self.annotators.index(name)
        return f"scripted-{_STAND_INS[number % len(_STAND_INS)]}-{number}"

    def _tokens(self, request: Request, text: str) -> tuple[float, float, float]:
        """Return tokens of the prompt, of these at hand, and of the answer."""
        looks = prompt_tokens(request)
        history = self._history_of(request)
        if not _tells(history, request.settings):
            return looks, 0, tokens_in(text)
        scale = looks / history.looked
        return scale * history.prompt, scale * history.cached, history.completion / history.requests

    def _history_of(self, request: Request) -> History:
        own = request.settings
        kind = _kind(request.address, own.model, own.extra, [message.content for message in request.messages])
        return self._history.get(kind, History())

    def _planned(self, label: str, requests: Sequence[Request], missing: Mapping[str, Request]) -> Planned:
        settings = requests[0].settings
        answers = [self._rehearsed[key] for key in missing]
        prompt = sum(answer.prompt_tokens for answer in answers)
        completion = sum(answer.completion_tokens for answer in answers)
        cached = sum(answer.cached_tokens for answer in answers)
        endpoint = self.endpoint(settings.endpoint)
        price = price_for(endpoint, settings.model)
        usd = None if price is None else price.usd(prompt, completion, cached)
        most = None if price is None else price.usd(prompt, len(missing) * settings.max_tokens)
        unseen = reasons(settings) and any(
            not _tells(self._history_of(request), settings) for request in missing.values()
        )
        window = Window(settings.model, endpoint.window(settings.model))
        unfit = tuple(too_long(missing.values(), window))
        work = label, settings.model, len(requests), len(missing), prompt, completion, usd, window, unfit
        return Planned(*work, settings.endpoint, price, unseen, most)


def reasons(settings: ModelSettings) -> bool:
    """Return whether settings have a model reason before it answers, so that its answers are longer than they look.

    >>> effort = ModelSettings("web", "m", extra={"reasoning": {"effort": "low"}})
    >>> reasons(effort), reasons(ModelSettings("web", "m", extra={"reasoning": {"enabled": False}}))
    (True, False)
    """
    return any(_asks_for_it(settings.extra[name]) for name in _REASONING if name in settings.extra)


def _asks_for_it(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_asks_for_it(item) for name, item in value.items() if name != "exclude")
    return bool(value) and value not in ("none", "disabled")


def _tells(history: History, settings: ModelSettings) -> bool:
    return history.requests >= (1 if reasons(settings) else _FEWEST)


def _kind(address: str, model: str, extra: Mapping[str, Any], texts: Iterable[str]) -> tuple[str, str, str, bool]:
    """Return what answers have in common that are about as long: the model, how far it reasons, and the work."""
    return address, model, json.dumps(extra, sort_keys=True), any("<document>" in text for text in texts)
