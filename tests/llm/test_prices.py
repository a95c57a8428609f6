"""What calls cost: params, litellm's list, estimates, cached input; a plan with models that reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import listening
from projects import ROOT, Project, use_scripted
from stage_runs import prepared_project

from diziner.commands.plan import plan, render
from diziner.endpoints import Endpoint, endpoints_from
from diziner.endpoints.batching import Batch
from diziner.layout import Room
from diziner.llm import ledger
from diziner.llm.ask import StoreAsker
from diziner.llm.batch_prices import batch_modes
from diziner.llm.price_list import deprecated_on, price_for
from diziner.llm.store import ResponseStore
from diziner.prices import Price
from diziner.prompting.request import Message, ModelSettings, Request, Response
from diziner.prompting.usage import usage_of
from diziner.records.usage import Usage, read_usage, write_usage
from diziner.rehearsal.asker import Planned
from diziner.rehearsal.rehearse import ask_first, rehearse
from diziner.rehearsal.window import Window
from diziner.results.usage import by_model, model_usage_to_json, usd_of
from diziner.scripted.protocol import Reply
from diziner.scripted.server import ScriptedServer
from diziner.settings import Settings, load_settings

PAPER = yaml.safe_load((ROOT / "diziner/profiles/paper.yaml").read_text())
OPENAI = Endpoint("web", "hosted", "openai")
ROUTER = Endpoint("web", "hosted", "openrouter")
ASKED = Request("web", ModelSettings("web", "m"), (Message("user", "Hi"),))


def test_a_price_is_that_of_params_else_of_the_provider_in_litellms_list_else_the_dearest_hosts() -> None:
    known = price_for(OPENAI, "gpt-5-mini-2025-08-07")
    assert known == Price(0.25, 2.0, 0.025, known.source if known else "") and known.source.startswith("litellm ")
    own = replace(OPENAI, prices={"gpt-5-mini-2025-08-07": {"input": 7, "output": 8, "source": "a bill"}})
    assert price_for(own, "gpt-5-mini-2025-08-07") == Price(7, 8, None, "a bill")
    guess = price_for(ROUTER, "nvidia/nemotron-nano-9b-v2")
    assert guess is not None and guess.is_estimate and "the dearest of" in guess.source
    for host in ("bedrock_converse", "together_ai"):  # no host is dearer, under whatever name it has it
        name = {"bedrock_converse": "nvidia.nemotron-nano-9b-v2", "together_ai": "nvidia/NVIDIA-Nemotron-Nano-9B-v2"}[
            host
        ]
        listed = price_for(Endpoint("web", "hosted", host), name)
        assert listed is not None and not listed.is_estimate
        assert guess.input >= listed.input and guess.output >= listed.output
    assert price_for(ROUTER, "nobody/has-this-model") is None
    # On servers of one's own the same name costs what one says.
    assert price_for(replace(OPENAI, api_base="http://127.0.0.1:1/v1"), "gpt-5-mini") is None
    assert price_for(replace(OPENAI, base_urls=("http://127.0.0.1:1/v1",)), "gpt-5-mini") is None
    assert deprecated_on(OPENAI, "gpt-5-mini-2025-08-07") > "2026" and deprecated_on(ROUTER, "x/y") == ""


def test_a_budget_holds_for_the_papers_profile_as_it_is() -> None:
    endpoints = endpoints_from(PAPER["endpoints"])
    models = [PAPER["annotators"][name] for name in PAPER["annotator_pool"]] + [PAPER["supervisor"]["model"]]
    for entry in models:
        price = price_for(endpoints[entry["endpoint"]], entry["model"])
        assert price is not None and price.source and not price.is_estimate, entry["model"]


def test_models_of_ablations_have_a_price_too_and_plan_names_the_one_that_no_list_has() -> None:
    endpoints = endpoints_from(PAPER["endpoints"])
    lacking = []
    for entry in PAPER["annotators"].values():
        price = price_for(endpoints["openrouter"], entry["model"])
        if price is None:
            lacking.append(entry["model"])
        else:
            assert price.source, entry["model"]
    assert lacking == ["neversleep/llama-3-lumimaid-8b"]
    works = [planned(model, price_for(endpoints["openrouter"], model)) for model in (*lacking, "qwen/qwen-turbo")]
    said = render(works, load_settings(ROOT / "diziner/profiles/paper.yaml"))
    assert [line for line in said.splitlines() if "lumimaid" in line and "no price" in line] == [
        f"no price in params endpoints.*.prices, nor in litellm's list, for: {lacking[0]}"
    ]
    assert "0.5000 + ?" in said and "in all" not in said
    more = [*works, planned("qwen/qwen-turbo", Price(1, 1), "anatem round 0, a")]
    sums = [line.split() for line in render(more, load_settings(ROOT / "diziner/profiles/paper.yaml")).splitlines()]
    assert [line[-1] for line in sums if line[1:3] == ["in", "all"]] == ["?", "0.5000"]


def planned(model: str, price: Price | None, work: str = "genia round 0, a", **fields: Any) -> Planned:
    usd = None if price is None else 0.5
    return Planned(work, model, 1, 1, 10, 10, usd, Window(model, None), endpoint="openrouter", price=price, **fields)


def test_what_the_sum_lacks_of_reasoning_is_said_with_the_way_to_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Annotators can be asked beforehand; a supervisor's reasoning is known after a refinement only."""
    monkeypatch.chdir(tmp_path)
    settings, price = load_settings(ROOT / "diziner/profiles/paper.yaml"), Price(1, 1)
    work = "genia round 1, supervisor: patterns"
    thinker = planned("gpt-5-mini", price, work, unseen=True, most_usd=2.0)
    said = render([planned("phi", price), thinker], settings)
    assert "the sum is without the reasoning of gpt-5-mini, of which no answer tells yet; it costs USD 1.50 at" in said
    assert "plan again after the first refinement for the supervisor, gpt-5-mini: `diziner repro genia`\n" in said
    both = render([planned("qwen", price, unseen=True, most_usd=1.0), thinker], settings)
    assert "reasoning of gpt-5-mini, qwen, of" in both and "costs USD 2.00 at most" in both
    assert "--ask 3`, which asks three documents of each annotator and the first refinement for the supervisor" in both


def test_the_papers_models_are_told_how_far_to_reason_and_say_unasked_what_they_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through litellm, as it stands in the bodies that are sent."""
    settings = load_settings(ROOT / "diziner/profiles/paper.yaml")
    choice = {"message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    reply = {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.001}}
    for endpoint in settings.endpoints.values():
        monkeypatch.setenv(endpoint.key_env or "", "any")
    with listening((200, {}, reply)) as (url, bodies):
        endpoints = {name: replace(endpoint, api_base=url) for name, endpoint in settings.endpoints.items()}
        asker = StoreAsker(ResponseStore(tmp_path / "store"), endpoints)
        models = [*(settings.annotator(name).asked for name in settings.pool), settings.supervisor.model]
        for model in models:
            [answer] = asker.ask([Request("web", model, (Message("user", "Hi"),))], "work")
            assert isinstance(answer, Response) and answer.cost_usd == 0.001
    sent = {body["model"]: body.get("reasoning", body.get("reasoning_effort")) for body in bodies}
    assert {model: value for model, value in sent.items() if value is not None} == {
        "openai/gpt-oss-20b": {"effort": "medium"},
        "qwen/qwen3-8b": {"enabled": True},
        "qwen/qwen3-14b": {"enabled": True},
        "nvidia/nemotron-3-nano-30b-a3b": {"enabled": True},
        "gpt-5-mini-2025-08-07": "medium",
    }


def test_batches_are_offered_where_they_cost_less() -> None:
    endpoints = {name: Endpoint(name, "hosted", name) for name in ("openai", "litellm_proxy", "openrouter", "xai")}
    works = [(name, "genia round 0, a") for name in endpoints]
    offers = batch_modes(works, endpoints)
    assert offers == [
        "openai takes batches at 50 % of the price: set endpoints.openai.batch: {window: 24h}",
        "xai takes batches at 80 % of the price: set endpoints.xai.batch: {window: 24h}",
    ]
    used = replace(endpoints["litellm_proxy"], batch=Batch())
    assert batch_modes([("a", "genia round 0, a")], {"a": used}) == [
        "a takes batches at 100 % of the price: `diziner batch submit`"
    ]

    # The supervisor's phases are called, unless one asks for batches of these.
    supervised = [("openai", "genia round 1, supervisor: patterns")]
    assert batch_modes(supervised, endpoints) == []
    asked = {"openai": replace(endpoints["openai"], batch=Batch(supervisor=True))}
    assert batch_modes(supervised, asked) == ["openai takes batches at 50 % of the price: `diziner batch submit`"]


def test_cached_input_has_its_own_price_in_the_ledger_and_in_outputs(tmp_path: Path) -> None:
    answer = Response("{}", "stop", "m", "", prompt_tokens=1000, completion_tokens=100, cached_tokens=800)
    price = Price(2.0, 10.0, 0.5)
    # 200 fresh at 2, 800 at hand at 0.5, 100 answered at 10, all a million.
    assert ledger.spending_of(ASKED, answer, "work", False, price).nano_usd == ledger.nano(0.0018)
    write_usage(tmp_path / "usage.jsonl", [usage_of(ASKED, answer), Usage("other", "web", "m", 10, 1)])
    rows = read_usage(tmp_path / "usage.jsonl")
    assert {row.cached_tokens for row in rows} == {0, 800}
    assert (tmp_path / "usage.jsonl").read_text().count("cached_tokens") == 1  # not where there is nothing to say
    table = {"m": {"input": 2.0, "cached": 0.5, "output": 10.0}}
    models = by_model(rows)
    assert usd_of(models, {"web": replace(OPENAI, prices=table)}) == pytest.approx(0.0018 + 0.00003)
    assert model_usage_to_json(models[0])["unbilled_cached_tokens"] == 800
    assert "unbilled_cached_tokens" not in model_usage_to_json(replace(models[0], unbilled_cached_tokens=0))


def test_an_estimate_counts_as_spent_but_not_as_known() -> None:
    answer = Response("{}", "stop", "m", "", 1000, 100)
    entry = ledger.spending_of(ASKED, answer, "work", False, Price(2.0, 10.0, None, "others", is_estimate=True))
    assert (entry.nano_usd, entry.unpriced) == (ledger.nano(0.003), 1)
    billed = replace(answer, cost_usd=0.5)
    entry = ledger.spending_of(ASKED, billed, "work", False, Price(2.0, 10.0, None, "others", is_estimate=True))
    assert (entry.nano_usd, entry.unpriced, entry.compared_reported) == (ledger.nano(0.5), 0, 0)


class Reasoning(ScriptedServer):
    """Scripted models of which one reasons: its answers take so many tokens more, by what was asked."""

    model = "scripted-eager"

    def reply_to(self, body: bytes, key: str) -> Reply:
        reply = super().reply_to(body, key)
        if reply.status == 200 and reply.body["model"] == self.model:
            thought = 400 + len(body) % 300
            usage: dict[str, Any] = reply.body["usage"]
            usage["completion_tokens"] += thought
            usage["completion_tokens_details"] = {"reasoning_tokens": thought}
        return reply


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return prepared_project(tmp_path_factory.mktemp("prices"), use_scripted)


@pytest.fixture
def served(prepared: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Settings]]:
    """Settings of a project whose models are behind HTTP, one of them reasoning."""
    monkeypatch.chdir(prepared.folder)
    prices = {name: {"input": 1.0, "output": 4.0} for name in ("careful", "eager", "shy", "supervisor")}
    with Reasoning() as server:
        endpoint = {
            "kind": "hosted",
            "api_base": server.base_url,
            "concurrency": 8,
            "prices": {f"scripted-{name}": price for name, price in prices.items()},
        }

        def change(params: dict[str, Any]) -> None:
            params["endpoints"]["scripted"] = endpoint
            params["annotators"]["scripted_eager"]["extra"] = {"reasoning_effort": "medium"}

        prepared.edit_params(change)
        yield load_settings


def test_reasoning_is_planned_by_the_first_answers_within_a_tenth_of_a_run(served: Callable[[], Settings]) -> None:
    settings = served()
    blind = plan(["conll2003"], settings)
    assert {line.model for line in blind if line.unseen} == {"scripted-eager"}
    [said] = [line for line in render(blind, settings).splitlines() if "the reasoning of" in line]
    assert said.startswith("the sum is without the reasoning of scripted-eager, of which") and "--ask 3" in said
    assert "supervisor" not in said
    first = StoreAsker(ResponseStore(Path(".responses/responses.sqlite")), settings.endpoints)
    ask_first(Room("conll2003"), settings, first, 2)
    assert first.tally.called == 2 * len(settings.pool)
    planned = plan(["conll2003"], settings)
    assert not any(line.unseen for line in planned) and "the reasoning of" not in render(planned, settings)
    asker = StoreAsker(ResponseStore(Path(".responses/responses.sqlite")), settings.endpoints, report=Path("cost.json"))
    rehearse(Room("conll2003"), settings, asker)  # one that asks in earnest
    total = json.loads(Path("cost.json").read_text())["total"]
    told = sum(line.usd or 0 for line in planned) + first.tally.nano_usd / ledger.NANO
    assert told == pytest.approx(total["usd"], rel=0.1)
    blindly = sum(line.usd or 0 for line in blind)
    assert blindly < 0.7 * total["usd"]  # what it was without their answers
