"""Costs of answers: tokens and US dollars, each request once, never a sum that looks complete when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.llm.tape import write_tape
from diziner.prompting.request import Message, ModelSettings, Request, Response, judged
from diziner.prompting.usage import usage_of
from diziner.records.annotations import Failure
from diziner.records.usage import Usage, read_usage, write_usage
from diziner.results.usage import by_model, tokens_of, usage_totals, usd_of

PRICED = {"priced": Endpoint("priced", "hosted", prices={"model": {"input": 1.0, "output": 2.0}})}
UNPRICED = {"priced": Endpoint("priced", "hosted")}


def used(key: str, usd: float | None = None, prompt: int | None = 1000, endpoint: str = "priced") -> Usage:
    return Usage(key, endpoint, "model", prompt, None if prompt is None else 500, usd)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [({"a": 0.5, "b": None}, None), ({"a": 0.5, "b": 0.25}, 0.75), ({}, 0.0)],
)
def test_a_sum_of_costs_is_not_known_as_soon_as_one_cost_is_not(
    costs: dict[str, float | None], expected: float | None
) -> None:
    usage = usage_totals([used(key, usd) for key, usd in costs.items()], UNPRICED)
    assert usage["usd"] == expected
    assert usage["answers"] == usage["known"] == len(costs)
    assert usage["prompt_tokens"] == 1000 * len(costs)


def test_the_price_table_prices_what_the_provider_does_not() -> None:
    assert usage_totals([used("a"), used("a")], PRICED) == {
        "answers": 1, "known": 1, "prompt_tokens": 1000, "completion_tokens": 500, "usd": 0.002,
    }  # fmt: skip
    assert usd_of(by_model([used("a"), used("b", 0.5)]), PRICED) == 0.502
    assert usd_of(by_model([used("a", endpoint="no longer there")]), PRICED) is None
    assert usd_of(by_model([used("a", endpoint="here")]), {"here": Endpoint("here", "local")}) == 0.0


def test_tokens_are_counted_once_and_unknown_if_a_response_is_missing() -> None:
    assert tokens_of(by_model([used("a"), used("b"), used("a")])) == 3000
    missing = by_model([used("a"), used("b", prompt=None)])
    assert tokens_of(missing) is None and usd_of(missing, PRICED) is None
    assert [(own.answers, own.known, own.prompt_tokens) for own in missing] == [(2, 1, 1000)]
    assert tokens_of([]) == 0


def test_models_are_told_apart_and_sorted() -> None:
    rows = [Usage("c", "b", "y", 1, 1), Usage("a", "b", "x", 2, 2, 0.5), Usage("b", "a", "y", 3, 3)]
    found = by_model(rows)
    assert [(own.endpoint, own.model) for own in found] == [("a", "y"), ("b", "x"), ("b", "y")]
    assert found == by_model(reversed(rows))
    assert (found[1].billed, found[1].billed_usd, found[1].unbilled_prompt_tokens) == (1, 0.5, 0)


def test_usage_goes_to_a_file_by_key_and_back(tmp_path: Path) -> None:
    rows = [used("b", 0.25), used("a"), used("c", prompt=None)]
    path = tmp_path / "usage.jsonl"
    write_usage(path, rows)
    assert read_usage(path) == sorted(rows, key=lambda row: row.key)
    path.write_text('{"key": "a"}\n')
    with pytest.raises(UserError, match=r"usage\.jsonl:1"):
        read_usage(path)


def test_the_asker_says_what_every_request_took_also_of_refused_and_unanswered_ones(tmp_path: Path) -> None:
    """From the store as from a call; what a model refused was paid for as well."""

    def request(word: str) -> Request:
        return Request("scripted:none", ModelSettings("scripted", "m"), (Message("user", word),))

    store = ResponseStore(tmp_path / "responses.sqlite")
    answered, refused = request("answered"), request("refused")
    store.put_rows(
        [
            (answered.key, answered.canonical(), Response("{}", "stop", "m", "", 7, 2, 0.125)),
            (refused.key, refused.canonical(), Response("", "content_filter", "m", "", 5, 0)),
        ]
    )
    tape = tmp_path / "tape.jsonl"
    asker = StoreAsker(store, {"scripted": Endpoint("scripted", "scripted")}, tape=tape)
    found, _ = asker.ask([answered, answered], "work")
    assert usage_of(answered, found) == Usage(answered.key, "scripted", "m", 7, 2, 0.125)
    write_tape(tape, {}, [(refused.key, refused.canonical(), Response("", "content_filter", "m", "", 5, 0))])
    [outcome] = asker.ask([refused], "work")
    assert isinstance(judged(outcome), Failure)
    assert usage_of(refused, outcome) == Usage(refused.key, "scripted", "m", 5, 0)
    assert usage_of(refused, Failure("timeout", "slow")) == Usage(refused.key, "scripted", "m", None, None)
