"""Texts of answers at hand, and places that are shared: what is there is taken, and waited for where it is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from diziner.layout import Room, store_path
from diziner.llm.recorded import texts_at_hand
from diziner.llm.shared_limits import Places
from diziner.llm.store import ResponseStore
from diziner.llm.tape import write_tape
from diziner.prompting.request import Message, ModelSettings, Refusal, Reply, Request, Response


def asked(number: int) -> Request:
    return Request("here", ModelSettings("here", "m", seed=number), (Message("user", "Hi"),))


def test_texts_are_those_of_the_store_then_of_the_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    room, requests = Room("conll2003"), [asked(number) for number in range(4)]
    keys = [request.key for request in requests]
    assert texts_at_hand(room, set(keys)) == {}
    store = ResponseStore(store_path())
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.put(requests[0], Response("from the store", "length"))
    store.close()
    assert texts_at_hand(room, set(keys)) == {keys[0]: "from the store"}
    room.tape.parent.mkdir(parents=True)
    replies: list[Reply] = [
        Response("from the tape", "stop"),
        Response("too", "stop"),
        Refusal("too_long", "of 9 words", 400),
    ]
    rows = [(r.key, r.canonical(), reply) for r, reply in zip(requests, replies, strict=False)]
    write_tape(room.tape, {}, rows)
    assert texts_at_hand(room, {*keys[:1], *keys[2:]}) == {keys[0]: "from the store", keys[2]: "[too_long: of 9 words]"}
    assert texts_at_hand(room, set(keys[1:2])) == {keys[1]: "too"}
    assert texts_at_hand(room, set()) == {}


def test_a_place_is_waited_for_until_it_is_given_back(tmp_path: Path) -> None:
    async def both() -> None:
        one, other = (Places(tmp_path, "web", 2) for _ in range(2))
        assert [await one.take(), await one.take()] == [0, 1]
        waiting = asyncio.create_task(other.take())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        one.give(1)
        assert await asyncio.wait_for(waiting, 10) == 1
        one.give(0)
        assert await other.take() == 0

    asyncio.run(both())
