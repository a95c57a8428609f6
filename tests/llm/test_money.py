"""Money, worked by hand: what calls come to, what a model costs by a list of prices, what batches save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from diziner.endpoints import Endpoint
from diziner.endpoints.batching import Batch
from diziner.llm import price_list
from diziner.llm.batch_prices import batch_modes, share_in_batches
from diziner.llm.cost_report import cost_report
from diziner.llm.ledger import NANO, Spending, spending_of
from diziner.llm.price_list import deprecated_on, price_for
from diziner.llm.waiting import goes_out, is_of_refinement
from diziner.prices import Price
from diziner.prompting.request import Message, ModelSettings, Request, Response

ASKED = Request("web", ModelSettings("web", "m", revision="r", structured="json_schema"), (Message("user", "Hi"),))
SAID = Response("x", "stop", "m-1", "fp", 1_000_000, 500_000, None, 200_000)
PRICE = Price(2.0, 4.0, 0.5)  # 0.8 * 2 + 0.2 * 0.5 + 0.5 * 4 = 3.7


def spent(response: Response, price: Price | None, repair: bool = False) -> Spending:
    return spending_of(ASKED, response, "work", repair, price)


def test_a_call_costs_what_the_provider_says_else_by_price_else_by_an_estimate() -> None:
    named = replace(SAID, cost_usd=3.5)
    estimate = replace(PRICE, is_estimate=True)
    cases = [
        (SAID, PRICE, 3.7, 0, 0.0, 0.0),
        (named, PRICE, 3.5, 0, 3.5, 3.7),
        (named, None, 3.5, 0, 0.0, 0.0),
        (named, estimate, 3.5, 0, 0.0, 0.0),
        (SAID, estimate, 3.7, 1, 0.0, 0.0),
        (SAID, None, 0.0, 1, 0.0, 0.0),
        (replace(SAID, cost_usd=0.0), PRICE, 0.0, 0, 0.0, 3.7),
    ]
    for response, price, usd, unpriced, reported, priced in cases:
        line = spent(response, price)
        assert (line.nano_usd, line.unpriced) == (round(usd * NANO), unpriced)
        assert (line.compared_reported, line.compared_priced) == (round(reported * NANO), round(priced * NANO))
        assert (line.calls, line.unanswered, line.repair) == (1, 0, 0)
        assert (line.prompt_tokens, line.completion_tokens, line.cached_tokens) == (1_000_000, 500_000, 200_000)
    cut = spent(replace(SAID, finish_reason="length"), PRICE, repair=True)
    assert (cut.unanswered, cut.repair, cut.nano_usd) == (1, 1, round(3.7 * NANO))


def test_the_report_sums_by_work_and_by_model() -> None:
    one = spent(replace(SAID, cost_usd=3.5), PRICE)
    lines = [
        one,
        spent(SAID, PRICE, repair=True),
        replace(
            spent(replace(SAID, finish_reason="length"), None), work="a", model="n", revision="", structured="none"
        ),
        replace(one, fingerprint="other", calls=3),
    ]
    report = cost_report(reversed(lines), 1_500_000_001)
    assert list(report["work"]) == ["a", "work"] and list(report["models"]) == ["web:m@r", "web:n"]
    assert report["work"]["work"] == {
        "calls": 5,
        "repairs": 1,
        "unanswered": 0,
        "unpriced": 0,
        "prompt_tokens": 3_000_000,
        "cached_tokens": 600_000,
        "completion_tokens": 1_500_000,
        "usd": 10.7,
        "gap_usd": -0.4,
        "structured": ["json_schema"],
    }
    assert report["work"]["a"]["unanswered"] == report["work"]["a"]["unpriced"] == report["work"]["a"]["calls"] == 1
    assert report["work"]["a"]["structured"] == ["none"]
    assert report["models"]["web:m@r"]["answered_as"] == [["m-1", "fp"], ["m-1", "other"]]
    assert (report["models"]["web:m@r"]["calls"], report["models"]["web:n"]["calls"]) == (5, 1)
    assert (report["total"]["calls"], report["total"]["usd"], report["total"]["set_aside_usd"]) == (6, 10.7, 1.5)
    assert cost_report(lines, 1_500_000_001) == report


def entry(provider: str, cost: Any = 1e-6, output: Any = 2e-6, **more: Any) -> dict[str, Any]:
    return {"litellm_provider": provider, "input_cost_per_token": cost, "output_cost_per_token": output, **more}


LIST: Mapping[str, Mapping[str, Any]] = {
    "openai/both-1": entry("openai", 3e-6),
    "both-1": entry("openai", 9e-6),
    "plain-1": entry("openai", cache_read_input_token_cost=2.5e-7, deprecation_date="2027-01-31"),
    "theirs-1": entry("azure"),
    "azure/hosted-7b": entry("azure", 1e-6, 5e-6),
    "vendor.hosted-7b": entry("bedrock", 4e-6, 2e-6, cache_read_input_token_cost=1e-6),
    "free/hosted-7b:free": entry("free", 0, 0),
    "maker/maker-hosted-7b": entry("deep", 5e-7, 6e-6),
    "embed/hosted-7b": entry("embed", 9e-6, 9e-6, mode="embedding"),
    "half/hosted-7b": {"litellm_provider": "half", "input_cost_per_token": 9e-6},
    "odd/hosted-7b": entry("odd", True, 9e-6),
    "less/hosted-7b": entry("less", -1.0, 9e-6),
    "text/hosted-7b": entry("text", "1", 9e-6),
    "unpriced-1": entry("openai", None),
    "any/v3.2": entry("any"),
    "any/m": entry("any"),
    "any/plain": entry("any"),
}


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A list of prices of our own: litellm's changes with every version."""
    monkeypatch.setattr(price_list, "_list", lambda: LIST)
    price_list._estimated.cache_clear()
    yield
    price_list._estimated.cache_clear()


@pytest.mark.usefixtures("listed")
def test_a_price_by_the_list_is_the_providers_own_else_the_dearest_of_those_who_have_the_model() -> None:
    web = Endpoint("web", "hosted", "openai")

    def price(model: str, endpoint: Endpoint | None = web) -> tuple[float, float, float | None, bool] | None:
        found = price_for(endpoint, model)
        return None if found is None else (found.input, found.output, found.cached, found.is_estimate)

    assert price("both-1") == (3.0, 2.0, None, False)
    assert price("plain-1") == (1.0, 2.0, 0.25, False)
    assert price("plain-1", replace(web, api_base="http://127.0.0.1:1/v1")) is None
    assert price("plain-1", None) is None
    # azure, bedrock, free and the one that has its maker's name in front; not those without a price for chats.
    assert price("hosted-7b") == price("Hosted-7B") == price("x/hosted-7b:free") == (4.0, 6.0, None, True)
    guess = price_for(web, "hosted-7b")
    assert guess is not None and guess.source.startswith("the dearest of 4 entries in litellm ")
    assert price("theirs-1") == (1.0, 2.0, None, True)
    for nobodys in ("unpriced-1", "v3.2", "m", "plain", "x/nobody-8b"):
        assert price(nobodys) is None, nobodys
    assert deprecated_on(web, "plain-1") == "2027-01-31"
    assert deprecated_on(web, "both-1") == deprecated_on(web, "theirs-1") == deprecated_on(web, "nobody") == ""


def test_batches_save_their_providers_share_of_what_goes_out_in_them() -> None:
    openai, grok = Endpoint("web", "hosted", "openai"), Endpoint("x", "hosted", "xai")
    none, same = Endpoint("r", "hosted", "openrouter"), Endpoint("v", "hosted", "litellm_proxy")
    annotating, repairing, supervising = "b r0 annotate@a", "b r0 annotate@a, repair", "b r1 supervisor: patterns"
    assert share_in_batches(openai, annotating) == 0.5 and share_in_batches(grok, annotating) == 0.8
    assert share_in_batches(none, annotating) == share_in_batches(same, annotating) == 1.0
    assert share_in_batches(openai, supervising) == share_in_batches(openai, repairing) == 1.0
    every = replace(openai, batch=Batch(repairs=True, supervisor=True))
    assert [share_in_batches(every, label) for label in (annotating, repairing, supervising)] == [0.5] * 3
    assert not goes_out(openai, annotating) and goes_out(every, annotating)
    assert is_of_refinement(supervising) and is_of_refinement("b r1 C1.1 alone, a") and not is_of_refinement(annotating)
    endpoints = {"web": openai, "x": replace(grok, batch=Batch()), "r": none, "v": same, "idle": openai}
    works = [("web", supervising), ("web", annotating), ("x", annotating), ("r", annotating), ("v", annotating)]
    assert batch_modes([*works, ("gone", annotating)], endpoints) == [
        "web takes batches at 50 % of the price: set endpoints.web.batch: {window: 24h}",
        "x takes batches at 80 % of the price: `diziner batch submit`",
    ]
    assert batch_modes([("web", supervising), ("v", annotating)], endpoints) == []
