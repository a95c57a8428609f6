"""Shared by tests of batches: an endpoint of the scripted server, requests to it, what the store has of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import AnnotatorSettings
from diziner.endpoints import Endpoint
from diziner.endpoints.batching import Batch
from diziner.llm import ledger
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.llm.submitting import submit
from diziner.prompting.request import ModelSettings, Request
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline

TYPES = (EntityType("PER", "person", "A human."), EntityType("LOC", "location", "A place."))
GUIDELINE = Guideline("made_up", 0, Goal("News.", "Research.", "Names.", "Counting."), TYPES)
PRICES = {f"scripted-{name}": {"input": 1.0, "output": 4.0} for name in ("eager", "shy", "gone")}
OWN = Batch()
KEY = "sk-test-5ecret-1234567890"


def use_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the endpoint its key, and no time to wait between attempts."""
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("diziner.endpoints.batch_api._WAITS_S", (0.01,))
    monkeypatch.setenv("AZURE_API_VERSION", "2024-10-21")


def hosted(base_url: str, batch: Batch | None = OWN, **settings: Any) -> dict[str, Endpoint]:
    own = {"provider": "openai", "key_env": "TEST_KEY", "concurrency": 8, "timeout_s": 5.0, "prices": PRICES}
    return {"web": Endpoint("web", "hosted", api_base=base_url, batch=batch, **{**own, **settings})}


def requests(endpoints: dict[str, Endpoint], count: int, model: str = "scripted-eager") -> list[Request]:
    texts = [f"Ada Lovelace sent {n} letters from Lisbon to Port Said ." for n in range(count)]
    documents = [Document(f"d{n}", tuple(text.split()), text) for n, text in enumerate(texts)]
    annotator = AnnotatorSettings("reader", ModelSettings("web", model, structured="json_schema"))
    return requests_for(documents, GUIDELINE, annotator, StoreAsker(ResponseStore(Path("none")), endpoints))


def submitted(store: ResponseStore, endpoints: dict[str, Endpoint], asked: list[Request], **more: Any) -> list[Any]:
    return list(submit(store, endpoints, [("work", request) for request in asked], more.get("budget_usd")))


def replies(store: ResponseStore, asked: list[Request]) -> list[Any]:
    found = store.get([request.key for request in asked], failures=True)
    return [found.get(request.key) for request in asked]


def spent(store: ResponseStore) -> int:
    return store.apply([ledger.spent])[0]
