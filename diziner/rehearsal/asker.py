"""Asker that calls nobody: what the store has is answered from it, the rest by scripted stand-ins, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diziner.common.files import schema_of
from diziner.llm.ask import StoreAsker
from diziner.prices import price_of, prompt_tokens, tokens_in
from diziner.prompting.request import REPAIR, Outcome, Refusal, Request, Response
from diziner.rehearsal.window import TooLong, Window, too_long

_STAND_INS = ("careful", "eager", "shy")
_SUPERVISOR = "supervisor: "  # how labels of the supervisor's work go on, before the phase
_FEWEST = 5  # answers of a model before its history is believed


@dataclass(frozen=True, slots=True)
class Planned:
    """Plan of one kind of work: `asked` requests, of these `calls` to a model, with their tokens.

    `usd` is None where the model has no price. `too_long` are the calls that do not fit into `window`.
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


@dataclass
class History:
    """Lengths of a model's prompts and answers so far, against how long they look."""

    requests: int = 0
    looked: int = 0
    prompt: int = 0
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
    _history: dict[tuple[str, str, bool], History] = field(default_factory=dict)
    _rehearsed: dict[str, Response] = field(default_factory=dict)

    def learn(self, rows: Iterable[tuple[str, Mapping[str, Any], Response | Refusal]]) -> None:
        """Take a store's or a tape's rows for a history of how long things are."""
        for _, request, response in rows:
            if isinstance(response, Response) and response.prompt_tokens:
                key = request["address"], request["model"], _is_annotation(request["messages"][-1]["content"])
                history = self._history.setdefault(key, History())
                history.requests += 1
                history.looked += sum(tokens_in(message["content"]) for message in request["messages"])
                history.prompt += response.prompt_tokens
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
        _, is_supervisor, phase = work.partition(_SUPERVISOR)
        # A supervisor that is not sent a schema has it in its prompt by example only: the stand-in needs the schema.
        schema = schema_of(phase) if is_supervisor and request.schema is None else request.schema
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        text = answer(messages, self._stand_in(work), request.settings.seed, schema)
        prompt, completion = self._tokens(request, text)
        return Response(text, "stop", request.settings.model, "", round(prompt), round(completion))

    def _stand_in(self, work: str) -> str:
        name = work.rpartition(", ")[2]
        if name not in self.annotators:
            return "scripted-supervisor"
        number = self.annotators.index(name)
        return f"scripted-{_STAND_INS[number % len(_STAND_INS)]}-{number}"

    def _tokens(self, request: Request, text: str) -> tuple[float, float]:
        looks, length = prompt_tokens(request), tokens_in(text)
        last = request.messages[-1].content
        history = self._history.get((request.address, request.settings.model, _is_annotation(last)), History())
        if history.requests < _FEWEST:
            return looks, length
        return looks * history.prompt / history.looked, history.completion / history.requests

    def _planned(self, label: str, requests: Sequence[Request], missing: Mapping[str, Request]) -> Planned:
        settings = requests[0].settings
        answers = [self._rehearsed[key] for key in missing]
        prompt = sum(answer.prompt_tokens for answer in answers)
        completion = sum(answer.completion_tokens for answer in answers)
        endpoint = self.endpoint(settings.endpoint)
        price = price_of(endpoint, settings.model)
        usd = None if price is None else price.usd(prompt, completion)
        window = Window(settings.model, endpoint.window(settings.model))
        unfit = tuple(too_long(missing.values(), window))
        return Planned(label, settings.model, len(requests), len(missing), prompt, completion, usd, window, unfit)


def _is_annotation(text: str) -> bool:
    return "<document>" in text
