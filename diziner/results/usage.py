"""Usage of models behind outputs: tokens by model, and US dollars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from diziner.common.rounding import rounded
from diziner.prices import Priced, price_of
from diziner.records.usage import Usage


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """All that one model was asked for: `answers` requests, `known` of them with a response, their tokens.

    `billed` responses had their cost named by the provider, `billed_usd` together; `unbilled_*` are the tokens of
    the others, which a price table can price, the cached ones of them at a price of their own.
    """

    endpoint: str
    model: str
    answers: int
    known: int
    prompt_tokens: int
    completion_tokens: int
    billed: int
    billed_usd: float
    unbilled_prompt_tokens: int
    unbilled_completion_tokens: int
    unbilled_cached_tokens: int = 0


def model_usage_to_json(own: ModelUsage) -> dict[str, Any]:
    """Return a row of `usage` in a metrics file; without cached tokens where there were none."""
    return {key: value for key, value in asdict(own).items() if value or key != "unbilled_cached_tokens"}


def by_model(rows: Iterable[Usage]) -> list[ModelUsage]:
    """Return usage by endpoint and model, sorted; a request that is behind several outputs counts once."""
    distinct = {row.key: row for row in rows}
    groups: dict[tuple[str, str], list[Usage]] = {}
    for key in sorted(distinct):
        row = distinct[key]
        groups.setdefault((row.endpoint, row.model), []).append(row)
    return [_total(endpoint, model, own) for (endpoint, model), own in sorted(groups.items())]


def tokens_of(models: Sequence[ModelUsage]) -> int | None:
    """Return prompt and completion tokens together; None if some request has no response."""
    if any(own.known < own.answers for own in models):
        return None
    return sum(own.prompt_tokens + own.completion_tokens for own in models)


def usd_of(models: Sequence[ModelUsage], endpoints: Mapping[str, Priced]) -> float | None:
    """Return the cost: the provider's word where there is one, else by the endpoints' price tables.

    None as soon as the cost of one response is not known, so that a sum never looks complete when it is not: a
    request without response, or a model that was not billed and has no price.
    """
    costs: list[float] = []
    for own in models:
        if own.known < own.answers:
            return None
        price = price_of(endpoints.get(own.endpoint), own.model)
        if own.billed < own.known and price is None:
            return None
        costs.append(own.billed_usd)
        if price is not None:
            tokens = own.unbilled_prompt_tokens, own.unbilled_completion_tokens, own.unbilled_cached_tokens
            costs.append(price.usd(*tokens))
    return float(rounded(math.fsum(costs)))


def usage_totals(rows: Iterable[Usage], endpoints: Mapping[str, Priced]) -> dict[str, Any]:
    """Add up all models' usage, each request once: `answers`, `known`, `prompt_tokens`, `completion_tokens`, `usd`."""
    models = by_model(rows)
    counted = ("answers", "known", "prompt_tokens", "completion_tokens")
    return {**{key: sum(getattr(own, key) for own in models) for key in counted}, "usd": usd_of(models, endpoints)}


def _total(endpoint: str, model: str, rows: Sequence[Usage]) -> ModelUsage:
    known = [row for row in rows if row.prompt_tokens is not None]
    unbilled = [row for row in known if row.usd is None]
    return ModelUsage(
        endpoint=endpoint,
        model=model,
        answers=len(rows),
        known=len(known),
        prompt_tokens=sum(row.prompt_tokens or 0 for row in known),
        completion_tokens=sum(row.completion_tokens or 0 for row in known),
        billed=len(known) - len(unbilled),
        billed_usd=rounded(math.fsum(row.usd or 0.0 for row in known)),
        unbilled_prompt_tokens=sum(row.prompt_tokens or 0 for row in unbilled),
        unbilled_completion_tokens=sum(row.completion_tokens or 0 for row in unbilled),
        unbilled_cached_tokens=sum(row.cached_tokens for row in unbilled),
    )
