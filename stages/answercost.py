"""What answers cost: tokens and US dollars of the responses behind an output, found by their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stages.llm.endpoint import Endpoint
from stages.llm.prices import price_of
from stages.llm.request import Response

_PLACES = 6
Asked = tuple[str, Endpoint, str]  # response key, endpoint, model


def usage_of(asked: Iterable[Asked], answers: Mapping[str, Response]) -> dict[str, Any]:
    """Each response once: `answers` named, `known` of them found, their tokens, and `usd`.

    Of a key that is named twice the last endpoint and model count. A cost is the provider's where it names one, else
    by the endpoint's price table; `usd` is None as soon as the cost of one response is not known, so that a sum never
    looks complete when it is not.
    """
    distinct = {key: (endpoint, model) for key, endpoint, model in asked}
    total: dict[str, Any] = {"answers": len(distinct), "known": 0, "prompt_tokens": 0, "completion_tokens": 0}
    usd: float | None = 0.0
    for key in sorted(distinct):
        response = answers.get(key)
        cost = None if response is None else _cost(response, *distinct[key])
        usd = None if usd is None or cost is None else usd + cost
        if response is not None:
            total["known"] += 1
            total["prompt_tokens"] += response.prompt_tokens
            total["completion_tokens"] += response.completion_tokens
    return {**total, "usd": None if usd is None else round(usd, _PLACES)}


def _cost(response: Response, endpoint: Endpoint, model: str) -> float | None:
    if response.cost_usd is not None:
        return response.cost_usd
    price = price_of(endpoint, model)
    return None if price is None else price.usd(response.prompt_tokens, response.completion_tokens)
