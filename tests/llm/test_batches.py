"""Batches through litellm against the scripted server: sent once, collected once, at half the price; and what goes
wrong on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from batch_calls import hosted, replies, requests, spent, submitted, use_key
from loopback import completion
from projects import ROOT

from diziner.common.errors import ProviderError, UserError
from diziner.endpoints.batching import Batch
from diziner.layout import Room
from diziner.llm import batches, ledger
from diziner.llm.access import AGAIN, NOW, asker_for
from diziner.llm.ask import StoreAsker
from diziner.llm.collecting import Intake, cancel, collect, take_in
from diziner.llm.store import ResponseStore
from diziner.llm.submitting import Sent, submit
from diziner.llm.waiting import WaitingError, goes_out, is_gone
from diziner.prompting.request import Refusal, Request, Response
from diziner.scripted.batches import BatchHabits
from diziner.scripted.faults import Faults
from diziner.scripted.server import ScriptedServer
from diziner.settings import settings_from


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    use_key(monkeypatch)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def test_answers_are_those_of_calls_at_half_the_price_whatever_their_order(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(polls=1, doubled=0.3)) as server:
        endpoints = hosted(server.base_url)
        asked = requests(endpoints, 20) + requests(endpoints, 5, "scripted-shy")
        called, store = ResponseStore(tmp_path / "called"), ResponseStore(tmp_path / "batched")
        outcomes = StoreAsker(called, endpoints).ask(asked, "work")
        sent = submitted(store, endpoints, asked)
        assert [(one.row.model, one.row.requests) for one in sent] == [("scripted-eager", 20), ("scripted-shy", 5)]
        assert [row.state for row in collect(store, endpoints)] == ["in_progress", "in_progress"]
        assert replies(store, asked) == [None] * 25
        ended = collect(store, endpoints, tmp_path / "cost.json")
        assert [row.is_open for row in ended] == [0, 0]
        assert "20 answers" in ended[0].note and "twice" in ended[0].note
        assert replies(store, asked) == outcomes
        assert server.shelf.asked == Counter(request.key for request in asked)
        assert spent(store) * 2 == spent(called) > 0
        assert json.loads((tmp_path / "cost.json").read_text())["total"]["calls"] == 25
        assert collect(store, endpoints) == []
        assert submitted(store, endpoints, asked) == []
        assert spent(store) * 2 == spent(called)


def test_what_expired_or_failed_is_sent_again_and_nothing_else(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(expired=0.3, failed=0.2)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 30)
        submitted(store, endpoints, asked)
        [row] = collect(store, endpoints)
        assert row.state == "expired" and "(expired)" in row.note and "unavailable" in row.note
        missing = [request for request, reply in zip(asked, replies(store, asked), strict=True) if reply is None]
        assert 5 < len(missing) < 25
        server.shelf.habits = BatchHabits()
        [again] = submitted(store, endpoints, asked)
        assert again.row.requests == len(missing)
        collect(store, endpoints)
        assert None not in replies(store, asked)
        twice = {key for key, count in server.shelf.asked.items() if count == 2}
        assert twice == {request.key for request in missing}
        assert max(server.shelf.asked.values()) == 2


def test_refusals_and_answers_that_are_none_are_kept_as_calls_keep_them(tmp_path: Path) -> None:
    faults = Faults(too_long=0.2, filtered=0.1, truncated=0.2, refusal=0.1)
    with ScriptedServer(faults) as called, ScriptedServer(faults) as batched:
        one, other = hosted(called.base_url), hosted(batched.base_url)
        # Requests name no server: the same text has the same fault in both.
        asked, same = requests(one, 40), requests(other, 40)
        store, batch_store = ResponseStore(tmp_path / "called"), ResponseStore(tmp_path / "batched")
        StoreAsker(store, one).ask(asked, "work")
        submitted(batch_store, other, same)
        collect(batch_store, other)
        # What is no answer is what came of it: the stage goes on, and nobody pays for it once more.
        assert StoreAsker(batch_store, other, batches=True).ask(same, "work") == replies(batch_store, same)
        assert batched.requests == 0
    kept = replies(batch_store, same)
    assert kept == replies(store, asked)
    assert {reply.code for reply in kept if isinstance(reply, Refusal)} == {"too_long", "refused"}
    assert {"length", "refusal"} <= {reply.finish_reason for reply in kept if isinstance(reply, Response)}


def test_a_batch_that_was_accepted_without_a_word_is_found_by_its_tag(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(lost=1)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 4)
        with pytest.raises(ProviderError, match="no answer"):
            submitted(store, endpoints, asked)
        assert [row.state for row in store.read(batches.open_batches)] == [batches.SENDING]
        assert submitted(store, endpoints, asked) == []  # they are in a batch, whatever became of it
        [row] = collect(store, endpoints)
        assert (row.id, row.is_open) == ("batch_000", 0)
        assert None not in replies(store, asked)
        assert set(server.shelf.asked.values()) == {1}


def test_a_batch_that_another_checkout_sent_is_taken_over(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints = hosted(server.base_url)
    asked = requests(endpoints, 4)
    mine, theirs = ResponseStore(tmp_path / "mine"), ResponseStore(tmp_path / "theirs")
    submitted(theirs, endpoints, asked)
    [found] = submitted(mine, endpoints, asked)
    assert found.was_found
    for store in (mine, theirs):
        collect(store, endpoints)
        assert None not in replies(store, asked)
    assert set(server.shelf.asked.values()) == {1}


@pytest.mark.parametrize("settled_by", ["collect", "cancel"])
def test_killed_before_it_is_accepted_it_is_sent_anew(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, settled_by: str
) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 4)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("diziner.endpoints.batch_api.BatchApi.send", end)
        submitted(store, endpoints, asked)
    store.close()
    [row] = store.read(batches.open_batches)
    assert row.state == batches.SENDING
    if settled_by == "collect":
        assert collect(store, endpoints) == []
    else:
        cancel(store, endpoints, row)
    assert store.read(batches.all_batches) == []  # it is not there, and forgotten
    assert [type(one) for one in submitted(store, endpoints, asked)] == [Sent]


def test_killed_in_the_midst_of_collecting_nothing_is_booked_twice(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 10)
    submitted(store, endpoints, asked)
    from diziner.llm import collecting

    booked, calls = collecting._book, []

    def end_at_the_third(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        booked(*arguments)

    monkeypatch.setattr(collecting, "_AT_ONCE", 3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(collecting, "_book", end_at_the_third)
        collect(store, endpoints)
    assert sum(reply is not None for reply in replies(store, asked)) == 6
    collect(store, endpoints)
    assert None not in replies(store, asked)
    assert sum(entry.calls for entry in store.apply([lambda c: list(ledger.entries(c))])[0]) == 10


def test_a_cancelled_batch_keeps_what_was_answered(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(polls=9)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 10)
        [sent] = submitted(store, endpoints, asked)
        cancel(store, endpoints, sent.row)
        [row] = collect(store, endpoints)
        assert (row.state, row.is_open) == ("cancelled", 0)
        assert row.note == "5 answers, 5 not answered (cancelled)"
        [again] = submitted(store, endpoints, asked)
        assert again.row.requests == 5


def test_a_budget_holds_for_batches(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 10)
    with pytest.raises(UserError, match=r"budget.usd: is 0.001; .*max_requests"):
        submitted(store, endpoints, asked, budget_usd=0.001)
    assert store.read(batches.all_batches) == []
    assert server.shelf.asked == Counter()
    submitted(store, endpoints, asked, budget_usd=1.0)
    assert store.apply([ledger.reserved])[0] > 0
    collect(store, endpoints)
    assert store.apply([ledger.reserved])[0] == 0 < spent(store)


def test_what_is_in_a_batch_is_not_called_nor_what_is_to_go_out(tmp_path: Path) -> None:
    with ScriptedServer(batches=BatchHabits(polls=1)) as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 4)
        waiting, at_once = StoreAsker(store, endpoints, batches=True), StoreAsker(store, endpoints)
        with pytest.raises(WaitingError, match=r"4 requests are in no batch of endpoint web.*diziner batch submit"):
            waiting.ask(asked, "work")
        submitted(store, endpoints, asked[:3])
        with pytest.raises(WaitingError, match=r"3 requests are in batch batch_000 \(in progress, 0 of 3 done\)"):
            at_once.ask(asked, "work")
        assert len(at_once.ask(asked[:3], "work")) == 3  # it has ended
        assert server.requests == 0
        at_once.ask(asked, "work")
        assert server.requests == 1
    assert (at_once.tally.called, at_once.tally.found) == (1, 6)


def test_repairs_and_the_supervisor_go_out_only_if_asked() -> None:
    web = hosted("http://x")["web"]
    labels = [
        "news round 0, a",
        "news round 0, a, repair",
        "news round 1, supervisor: goal",
        "news round 1, C1 alone, a",
    ]
    assert [goes_out(web, label) for label in labels] == [True, False, False, False]
    all_out = hosted("http://x", Batch(repairs=True, supervisor=True))["web"]
    assert [goes_out(all_out, label) for label in labels] == [True] * 4
    assert not goes_out(hosted("http://x", None)["web"], labels[0])


def test_answers_to_repair_turns_are_booked_as_such(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url, Batch(repairs=True)), ResponseStore(tmp_path / "store")
    first, repair, *_ = requests(endpoints, 2)
    list(submit(store, endpoints, [("news round 0, a", first), ("news round 0, b, repair", repair)], None))
    collect(store, endpoints)
    booked = store.apply([lambda c: list(ledger.entries(c))])[0]
    assert [(entry.work, entry.repair, entry.calls) for entry in booked] == [
        ("news round 0, a", False, 1),
        ("news round 0, b", True, 1),
    ]


def test_another_model_than_before_is_paid_for_and_not_kept(tmp_path: Path, server: ScriptedServer) -> None:
    endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
    asked = requests(endpoints, 6)
    with ScriptedServer(seed=5) as other:  # the same address in the store, another fingerprint
        elsewhere = hosted(other.base_url)
        StoreAsker(store, elsewhere).ask(
            [Request(asked[0].address, r.settings, r.messages, r.schema) for r in asked[:2]], "w"
        )
    submitted(store, endpoints, asked)
    with pytest.raises(UserError, match="not the model that answered before"):
        collect(store, endpoints)
    assert sum(reply is not None for reply in replies(store, asked)) == 2
    assert store.read(batches.open_batches) == []


def test_a_response_that_is_no_answer_is_what_came_of_it_until_it_is_asked_for_at_once(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        endpoints, store = hosted(server.base_url), ResponseStore(tmp_path / "store")
        asked = requests(endpoints, 2)
        cut = Response('{"ent', "length", "m", "f", 5, 5)
        store.put(asked[0], cut)
        with pytest.raises(WaitingError, match="work: 1 request is in no batch of endpoint web yet"):
            StoreAsker(store, endpoints, batches=True).ask(asked, "work")
        assert StoreAsker(store, endpoints, batches=True).ask(asked[:1], "work") == [cut]
        assert server.requests == 0
        assert StoreAsker(store, endpoints).ask(asked[:1], "work") != [cut]
        assert server.requests == 1


def test_stages_wait_for_batches_unless_they_are_told_to_ask_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(NOW, raising=False)
    monkeypatch.delenv(AGAIN, raising=False)
    settings, room = settings_from(yaml.safe_load((ROOT / "params.yaml").read_text()), "params.yaml"), Room("conll2003")
    plain, at_once = asker_for(settings, room), asker_for(settings, room, at_once=True)
    assert (plain.batches, plain.again, plain.before, plain.tape) == (True, False, None, room.tape)
    assert at_once.batches is False and asker_for(settings, room, 0).before is not None
    monkeypatch.setenv(NOW, "1")
    monkeypatch.setenv(AGAIN, "1")
    told = asker_for(settings, room)
    assert told.batches is False and told.again is True


def test_a_model_that_was_gone_is_written_down_as_a_batch_of_nothing(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path / "store")
    for why in ("no such model", "still none"):
        store.apply([lambda c, why=why: batches.note_gone(c, "web", "m", why)])  # type: ignore[misc]
    rows = store.read(batches.all_batches)
    assert [(row.tag, row.id, row.state, row.requests, row.tokens, row.reservation, row.is_open) for row in rows] == [
        (f"gone-web-m-{number}", "", batches.GONE, 0, 0, None, False) for number in range(2)
    ]
    assert is_gone(rows, "web", "m") == "still none"


def test_lines_of_a_batch_are_told_apart(tmp_path: Path) -> None:
    endpoints, store = hosted("http://127.0.0.1:9/v1"), ResponseStore(tmp_path / "store")
    asked = {request.key: ("work", request.canonical()) for request in requests(endpoints, 4)}
    keys = list(asked)
    good = {"status_code": 200, "body": completion("{}")}
    bad = {"status_code": 400, "body": {"error": {"message": "no", "code": "x"}}}
    lines: list[dict[str, Any]] = [
        {"custom_id": keys[0], "response": good},
        {"custom_id": keys[0], "response": good},
        {"custom_id": "nobody", "response": good},
        {},
        {"custom_id": keys[1], "error": {"code": "batch_expired", "message": "late"}},
        {"custom_id": keys[2], "error": "broken"},
        {"custom_id": keys[3], "response": bad},
    ]
    wanted = set(keys)

    def take(connection: object, key: str) -> bool:
        found = key in wanted
        wanted.discard(key)
        return found

    intake = take_in(store, endpoints["web"], "scripted-eager", lines, asked, take)
    assert (intake.answers, intake.refusals, intake.doubled, intake.strange) == (1, 1, 1, 2)
    assert dict(intake.unanswered) == {"expired": 1, "unavailable: broken": 1}
    alone = take_in(store, endpoints["web"], "scripted-eager", lines[-1:], asked, lambda c, key: True)
    assert (alone.answers, alone.refusals, alone.doubled, sum(alone.unanswered.values())) == (0, 0, 0, 1)


def test_what_came_back_in_two_files_is_counted_together() -> None:
    whole = Intake()
    assert whole == Intake(0, 0, 0, 0, Counter(), "")
    whole.add(Intake(1, 2, 3, 4, Counter(late=5), "another"))
    whole.add(Intake(10, 20, 30, 40, Counter(late=1, lost=2), "a third"))
    assert whole == Intake(11, 22, 33, 44, Counter(late=6, lost=2), "another")
