"""Several servers behind one endpoint: who is asked, who is left out and for how long, and what stays the same."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from annotating import annotate
from virtual_time import run_virtually

from diziner.annotator.annotate import requests_for
from diziner.annotator.settings import AnnotatorSettings
from diziner.common.errors import UserError
from diziner.endpoints import Endpoint, endpoints_from
from diziner.endpoints.failures import TransientError
from diziner.endpoints.replicas import Replicas, is_up
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings, Response
from diziner.records.documents import Document
from diziner.records.guideline import EntityType, Goal, Guideline
from diziner.scripted.server import ScriptedServer

REFUSED = TransientError("unavailable", "nobody there", unreached=True)
ERROR = TransientError("unavailable", "500")
LATE = TransientError("timeout", "late", billed=True)
BUSY = TransientError("rate_limited", "slow down")


class Servers:
    """Servers by name that answer in a second, or with the error that is set for them."""

    def __init__(self, *names: str) -> None:
        self.broken: dict[str, TransientError] = {}
        self.asked: Counter[str] = Counter()
        self.looked_at: list[tuple[float, str]] = []
        self.replicas = Replicas(names, self.probe)

    async def call(self, name: str) -> Response:
        self.asked[name] += 1
        if name in self.broken:
            raise self.broken[name]
        await asyncio.sleep(1)
        return Response(name, "stop")

    async def probe(self, name: str) -> bool:
        self.looked_at.append((asyncio.get_running_loop().time(), name))
        return name not in self.broken

    async def ask(self, count: int = 1) -> Counter[str]:
        """Ask all at once; who answered."""
        before = Counter(self.asked)
        await asyncio.gather(*(self.replicas.send(self.call) for _ in range(count)))
        return self.asked - before


def test_calls_are_spread_evenly_at_once_and_one_by_one() -> None:
    async def work() -> None:
        servers = Servers("a", "b", "c")
        assert await servers.ask(30) == {"a": 10, "b": 10, "c": 10}
        for _ in range(6):
            await servers.ask()
        assert servers.asked == {"a": 12, "b": 12, "c": 12}

    run_virtually(work())


def test_a_dead_server_costs_no_call_an_attempt_and_is_left_out_for_longer_each_time() -> None:
    async def work() -> None:
        servers = Servers("a", "b")
        servers.broken["b"] = REFUSED
        assert (await servers.ask(10))["a"] == 10
        tried = servers.asked["b"]
        await servers.ask(10)
        assert servers.asked["b"] == tried
        for _ in range(30):
            await servers.ask()
        assert servers.asked["b"] == tried
        waits = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(servers.looked_at)]
        assert {name for _, name in servers.looked_at} == {"b"}
        assert waits == sorted(waits)
        assert waits[0] >= 4
        assert len(servers.looked_at) >= 3

    run_virtually(work())


def test_a_server_that_is_up_again_takes_its_share_again() -> None:
    async def work() -> None:
        servers = Servers("a", "b")
        servers.broken["b"] = REFUSED
        await servers.ask(4)
        del servers.broken["b"]
        await asyncio.sleep(2.5)
        assert await servers.ask(10) == {"a": 5, "b": 5}

    run_virtually(work())


@pytest.mark.parametrize(("error", "before_it_rests"), [(LATE, 1), (ERROR, 3)])
def test_errors_of_a_server_are_the_callers_to_try_again_elsewhere(error: TransientError, before_it_rests: int) -> None:
    async def work() -> None:
        servers = Servers("a", "b")
        servers.broken["b"] = error
        failed = 0
        for _ in range(12):
            try:
                await servers.replicas.send(servers.call)
            except TransientError as caught:
                assert caught is error
                failed += 1
        # After its rest it is looked at, found broken, and not asked.
        assert failed == servers.asked["b"] == before_it_rests
        assert len(servers.looked_at) >= 1

    run_virtually(work())


def test_a_server_that_is_busy_is_not_left_out() -> None:
    async def work() -> None:
        servers = Servers("a", "b")
        servers.broken["b"] = BUSY
        for _ in range(10):
            try:
                await servers.replicas.send(servers.call)
            except TransientError as caught:
                assert caught is BUSY
        assert servers.asked["b"] == 5

    run_virtually(work())


def test_if_nobody_listens_each_is_tried_once_and_the_error_is_said() -> None:
    async def work() -> None:
        servers = Servers("a", "b", "c")
        servers.broken = dict.fromkeys("abc", REFUSED)
        for turn in (1, 2):
            with pytest.raises(TransientError, match="nobody there"):
                await servers.replicas.send(servers.call)
            assert servers.asked == dict.fromkeys("abc", turn)
        servers.broken.clear()
        assert sum((await servers.ask()).values()) == 1

    run_virtually(work())


def test_a_call_that_runs_out_of_time_leaves_its_server_out() -> None:
    async def work() -> None:
        servers = Servers("a", "b")
        first = await servers.ask()
        slow = next(name for name in ("a", "b") if name not in first)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await servers.replicas.send(servers.call)
        assert slow not in await servers.ask(4)

    run_virtually(work())


def vllm(*urls: str, **more: Any) -> Endpoint:
    entry = {"kind": "hosted", "provider": "hosted_vllm", "base_urls": list(urls), **more}
    return endpoints_from({"gpus": entry})["gpus"]


TYPES = (EntityType("PER", "person", "A human."), EntityType("LOC", "location", "A place."))
GUIDELINE = Guideline("made_up", 0, Goal("News.", "Research.", "Names.", "Counting."), TYPES)
READER = AnnotatorSettings("reader", ModelSettings("gpus", "scripted-eager", structured="json_schema"))


def documents(count: int) -> list[Document]:
    texts = [f"Ada Lovelace sent {n} letters from Lisbon to Port Said ." for n in range(count)]
    return [Document(f"d{n}", tuple(text.split()), text) for n, text in enumerate(texts)]


def test_request_keys_know_the_endpoint_not_its_servers(tmp_path: Path) -> None:
    def keys(endpoint: Endpoint) -> list[str]:
        asker = StoreAsker(ResponseStore(tmp_path / "store"), {"gpus": endpoint})
        return [request.key for request in requests_for(documents(3), GUIDELINE, READER, asker)]

    two, other = vllm("http://a/v1", "http://b/v1"), vllm("http://c/v1")
    single = Endpoint("gpus", "hosted", provider="hosted_vllm", api_base="http://a/v1")
    assert two.address == other.address == "hosted_vllm@gpus"
    assert keys(two) == keys(other)
    assert single.address == "hosted_vllm@http://a/v1"
    assert not set(keys(two)) & set(keys(single))


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "hosted", "api_base": "http://a/v1", "base_urls": ["http://b/v1"]},
        {"kind": "local", "base_urls": ["http://b/v1"]},
    ],
)
def test_several_servers_are_for_hosted_endpoints_in_place_of_one(entry: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"endpoints\.web\.base_urls: only for kind hosted, in place of api_base"):
        endpoints_from({"web": entry})


def test_over_http_a_server_that_dies_in_the_middle_fails_no_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diziner.llm.lane._FIRST_WAIT_S", 0.02)
    many = documents(120)
    with ScriptedServer(latency_s=0.05) as stays:
        with ScriptedServer(latency_s=0.05) as dies:
            asker = StoreAsker(
                ResponseStore(tmp_path / "store"),
                {"gpus": vllm(stays.base_url, dies.base_url, concurrency=8, attempts=3, timeout_s=60.0)},
            )
            first = annotate(many[:40], GUIDELINE, READER, asker, "first")
            assert abs(stays.requests - dies.requests) <= 8
            gone = dies.base_url
        rest = annotate(many[40:], GUIDELINE, READER, asker, "rest")
    rows = [*first, *rest]
    assert not [row for row in rows if row.failure]
    direct = StoreAsker(ResponseStore(tmp_path / "direct"), {"gpus": Endpoint("gpus", "scripted")})
    assert [row.spans for row in rows] == [row.spans for row in annotate(many, GUIDELINE, READER, direct, "direct")]
    assert not asyncio.run(is_up(gone))


def test_a_server_is_up_if_it_answers_at_all() -> None:
    with ScriptedServer() as server:
        assert asyncio.run(is_up(server.base_url))
        assert asyncio.run(is_up(server.base_url.removesuffix("/v1") + "/elsewhere"))
    assert not asyncio.run(is_up("http://127.0.0.1:9/v1"))
