"""Probe of a model: one tiny request in its own settings, and what came of it. Nothing of it is kept but its cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import ModelGoneError, UserError
from diziner.endpoints import Endpoint
from diziner.endpoints.client import sends_seed
from diziner.endpoints.failures import TransientError, UnclearRefusalError
from diziner.llm.budget import Budget
from diziner.llm.lane import run
from diziner.llm.ledger import NANO, PROBING
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Refusal, Request, Response

_MOST_TOKENS = 2000  # of the answer: room for the reasoning about an easy question
_SAID = {"city": "Paris"}
_SCHEMA = {
    "title": "probe",
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Probe:
    """Outcome of a probe: a response, or a problem in words, which `stays` if nothing is changed: the key, the model's
    name, a refusal. `gone`: the endpoint has no such model.

    `usd` is what it cost, `how` says by whose word: provider, price, estimate, or unknown. `held`: the answer has the
    form that was asked for; `seed_sent`: the seed went along. `another`: why the model is not the one that answered
    before, if so.
    """

    response: Response | None = None
    problem: str = ""
    stays: bool = False
    gone: bool = False
    usd: float | None = None
    how: str = ""
    held: bool = False
    seed_sent: bool = False
    another: str = ""


def probe(
    store: ResponseStore,
    endpoint: Endpoint,
    settings: ModelSettings,
    weights: Mapping[str, Mapping[str, Any]],
    budget_usd: float | None,
) -> Probe:
    """Send one tiny request and book its cost within the budget.

    Errors: UserError if the budget has no room for it, or nothing can be sent: no key, no weights.
    """
    request = _request(endpoint, settings)
    endpoint.backend.ready(endpoint, settings, weights)
    send = endpoint.backend.connect(endpoint, settings, weights)
    budget = Budget(store, endpoint, request, f"{PROBING}{endpoint.name}", budget_usd, ())
    found: list[Probe] = []

    async def ask() -> None:
        try:
            reservation = await budget.reserve(request)
            try:
                async with asyncio.timeout(endpoint.timeout_s):
                    reply = await send(request)
            except ModelGoneError as error:
                await budget.release(reservation)
                found.append(Probe(problem=str(error), stays=True, gone=True))
            except (UserError, UnclearRefusalError) as error:
                await budget.release(reservation)
                found.append(Probe(problem=str(error), stays=True))
            except TransientError as error:
                if error.billed:
                    budget.written_off(reservation)
                else:
                    await budget.release(reservation)
                found.append(Probe(problem=f"{error.code}: {error.detail}"))
            except TimeoutError:
                budget.written_off(reservation)
                found.append(Probe(problem=f"timeout: no answer in {endpoint.timeout_s:g} s"))
            else:
                found.append(await _told(request, reply, endpoint, reservation, budget))
        finally:
            await budget.drain()

    run(ask())
    return found[0]


async def _told(
    request: Request, reply: Response | Refusal, endpoint: Endpoint, reservation: int | None, budget: Budget
) -> Probe:
    if isinstance(reply, Refusal):
        await budget.release(reservation)
        return Probe(problem=f"{reply.code}: {reply.detail}", stays=True)
    nano = await budget.charge(request, reply, reservation)
    price = budget.price
    if reply.cost_usd is not None:
        how = "provider"
    elif price is None:
        how = "unknown"
    else:
        how = "estimate" if price.is_estimate else "price"
    return Probe(
        reply,
        "" if reply.failure is None else f"{reply.failure.code}: {reply.failure.detail}",
        usd=None if how == "unknown" else nano / NANO,
        how=how,
        held=_object(reply.text),
        seed_sent=endpoint.is_free or sends_seed(request.settings, endpoint),
        another=budget.changed(reply) or "",
    )


def _request(endpoint: Endpoint, settings: ModelSettings) -> Request:
    words = f"Answer with this JSON object and nothing else: {json.dumps(_SAID)}"
    schema = _SCHEMA if settings.structured in ("json_schema", "grammar") else None
    tiny = replace(settings, max_tokens=min(settings.max_tokens, _MOST_TOKENS))
    return Request(endpoint.address, tiny, (Message("user", words),), schema, "the probe")


def _object(text: str) -> bool:
    try:
        value = jsontext.body(text.rpartition("</think>")[2])
    except jsontext.JsonError:
        return False
    return isinstance(value, dict) and value.keys() == _SAID.keys() and isinstance(value["city"], str)
