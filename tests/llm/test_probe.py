"""A probe's money and word: what a call that nobody answered is taken to have cost, and whether it is another model."""

from __future__ import annotations

from pathlib import Path

import pytest
from batch_calls import hosted, requests, use_key

from diziner.llm import ledger
from diziner.llm.ask import StoreAsker
from diziner.llm.probe import probe
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer

SETTINGS = ModelSettings("web", "scripted-eager", structured="json_schema")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    use_key(monkeypatch)


@pytest.mark.parametrize(
    ("fault", "is_spent"),
    [(Faults(server_error=1.0), False), (Faults(rate_limit_bare=1.0), False), (Faults(reset=1.0), True)],
)
def test_what_was_set_aside_is_spent_only_if_the_call_may_have_been_billed(
    tmp_path: Path, fault: Faults, is_spent: bool
) -> None:
    store = ResponseStore(tmp_path / "store")
    with ScriptedServer(fault) as server:
        found = probe(store, hosted(server.base_url)["web"], SETTINGS, {}, 1.0)
    assert found.response is None and found.problem and not found.stays
    [reserved] = store.apply([ledger.reserved])
    assert (reserved > 0) == is_spent


def test_it_says_whether_the_model_is_the_one_that_answered_before(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path / "store")
    with ScriptedServer() as server:
        endpoints = hosted(server.base_url)
        StoreAsker(store, endpoints).ask(requests(endpoints, 1), "work")
        assert probe(store, endpoints["web"], SETTINGS, {}, 1.0).another == ""
        port = int(server.base_url.split(":")[2].split("/")[0])
    with ScriptedServer(seed=7, port=port):  # its models have another fingerprint
        said = probe(store, endpoints["web"], SETTINGS, {}, 1.0).another
    assert said.startswith("endpoint web: scripted-eager is not the model that answered before: it was ")
