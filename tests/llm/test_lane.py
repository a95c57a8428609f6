"""Scheduling in virtual time: how many calls at once, how fast, how often, how long, and what for."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run_virtually

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.endpoints.failures import TransientError
from diziner.llm import lane
from diziner.llm.budget import Budget, BudgetError
from diziner.llm.lane import Lane
from diziner.llm.ledger import NANO, entries, reserved, spent
from diziner.llm.pacing import AdaptiveLimit, Pacer
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Outcome, Request, Response
from diziner.records.annotations import Failure

ANSWER = Response("{}", "stop", "m", "fp", 100, 20)
PRICES = {"m": {"input": 10.0, "output": 100.0}}


def asked(number: int, max_tokens: int = 20) -> Request:
    return Request("here", ModelSettings("here", "m", seed=number, max_tokens=max_tokens), (Message("user", "x" * 40),))


@dataclass
class Server:
    """A model as a function of how often a request has been sent: an answer after `seconds`, or an error."""

    fate: Callable[[Request, int], Exception | Response | None] = lambda request, attempt: None
    seconds: float = 1.0
    sent: list[tuple[float, int]] = field(default_factory=list)  # when, seed
    in_flight: int = 0
    crowds: list[int] = field(default_factory=list)  # calls in flight as each was sent

    async def __call__(self, request: Request) -> Response:
        clock = asyncio.get_running_loop().time
        attempt = sum(seed == request.settings.seed for _, seed in self.sent)
        self.sent.append((clock(), request.settings.seed))
        self.in_flight += 1
        self.crowds.append(self.in_flight)
        try:
            outcome = self.fate(request, attempt)
            await asyncio.sleep(self.seconds)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome or ANSWER
        finally:
            self.in_flight -= 1


@dataclass
class Run:
    outcomes: dict[int, Outcome]
    seconds: float
    error: BaseException | None
    store: ResponseStore


def run(server: Server, folder: Path, requests: list[Request], budget_usd: float | None = None, **settings: Any) -> Run:
    endpoint = Endpoint("here", "hosted", **{"concurrency": 4, **settings})
    store = ResponseStore(folder / "store.sqlite")
    outcomes: dict[int, Outcome] = {}

    async def main() -> tuple[float, BaseException | None]:
        budget = Budget(store, endpoint, requests[0], "work", budget_usd, [])

        def received(request: Request, outcome: Outcome) -> None:
            assert request.settings.seed not in outcomes
            if isinstance(outcome, Response):
                # Committed before it is passed on: another connection sees it.
                assert ResponseStore(store.path).get([request.key], failures=True)
            outcomes[request.settings.seed] = outcome

        error = None
        try:
            await Lane(endpoint).call_all(requests, server, budget, received)
        except UserError as stopped:
            error = stopped
        return asyncio.get_running_loop().time(), error

    seconds, error = run_virtually(main())
    return Run(outcomes, seconds, error, store)


def limited(retry_after: float | None = None) -> TransientError:
    return TransientError("rate_limited", "too fast", retry_after)


def test_all_are_answered_with_the_concurrency_used_and_never_exceeded(tmp_path: Path) -> None:
    server = Server()
    done = run(server, tmp_path, [asked(n) for n in range(20)], concurrency=5)
    assert done.outcomes == dict.fromkeys(range(20), ANSWER)
    assert max(server.crowds) == 5
    assert done.seconds == pytest.approx(4.0, abs=0.05)


def test_order_is_kept_by_one_at_a_time(tmp_path: Path) -> None:
    server = Server()
    run(server, tmp_path, [asked(n) for n in (3, 1, 2)], concurrency=1)
    assert [seed for _, seed in server.sent] == [3, 1, 2]


def test_requests_are_spread_over_the_minute_not_refused(tmp_path: Path) -> None:
    server = Server(seconds=0.1)
    done = run(server, tmp_path, [asked(n) for n in range(30)], concurrency=8, rpm=60)
    assert len(done.outcomes) == 30
    gaps = [b - a for (a, _), (b, _) in itertools.pairwise(server.sent)]
    assert min(gaps) >= 1.0 - 1e-6
    assert done.seconds == pytest.approx(29.1)


def test_tokens_are_spread_over_the_minute_by_what_answers_really_took(tmp_path: Path) -> None:
    # 120 tokens a call at 1200 a minute: ten calls a minute, though 20 answer tokens were not known beforehand.
    server = Server(seconds=0.1)
    done = run(server, tmp_path, [asked(n, max_tokens=4000) for n in range(40)], concurrency=8, tpm=1200)
    assert len(done.outcomes) == 40
    assert 200 < done.seconds < 260


def test_retries_are_paced_too(tmp_path: Path) -> None:
    server = Server(lambda request, attempt: limited() if attempt < 2 else None, seconds=0.1)
    run(server, tmp_path, [asked(n) for n in range(4)], rpm=60)
    gaps = [b - a for (a, _), (b, _) in itertools.pairwise(server.sent)]
    assert len(server.sent) == 12
    assert min(gaps) >= 1.0 - 1e-6


def test_attempts_are_one_budget_whatever_goes_wrong(tmp_path: Path) -> None:
    errors = itertools.cycle(
        [limited(), TransientError("unavailable", "500"), TransientError("timeout", "late", billed=True)]
    )
    server = Server(lambda request, attempt: next(errors))
    done = run(server, tmp_path, [asked(n) for n in range(6)], attempts=3)
    assert Counter(seed for _, seed in server.sent) == dict.fromkeys(range(6), 3)
    assert all(isinstance(outcome, Failure) and "(3 calls)" in outcome.detail for outcome in done.outcomes.values())
    assert {outcome.code for outcome in done.outcomes.values() if isinstance(outcome, Failure)} <= {
        "rate_limited",
        "unavailable",
        "timeout",
    }
    assert list(done.store.rows()) == []


def test_waits_grow_and_are_jittered_in_full(tmp_path: Path) -> None:
    random.seed(5)
    server = Server(lambda request, attempt: TransientError("unavailable", "500"), seconds=0.0)
    run(server, tmp_path, [asked(n) for n in range(40)], attempts=7, concurrency=40)
    times = {n: [when for when, seed in server.sent if seed == n] for n in range(40)}
    for step in range(6):
        gaps = [moments[step + 1] - moments[step] for moments in times.values()]
        longest = min(60.0, 2.0**step)
        assert max(gaps) <= longest + 0.1
        assert min(gaps) < longest * 0.3
        assert max(gaps) > longest * 0.7


def test_retry_after_holds_the_whole_endpoint(tmp_path: Path) -> None:
    server = Server(lambda request, attempt: limited(30.0) if request.settings.seed == 0 and not attempt else None)
    done = run(server, tmp_path, [asked(n) for n in range(12)], concurrency=2)
    assert len(done.outcomes) == 12
    before = [when for when, _ in server.sent if when <= 1.0]
    after = [when for when, _ in server.sent if when > 1.0]
    # The neighbour was under way already when the endpoint said to wait.
    assert len(before) <= 3
    assert min(after) >= 30.0
    assert len(server.sent) == 13


def test_a_wish_beyond_the_time_limit_fails_at_once(tmp_path: Path) -> None:
    server = Server(lambda request, attempt: limited(3600.0))
    done = run(server, tmp_path, [asked(n) for n in range(3)], total_timeout_s=600)
    assert done.seconds < 10
    assert done.outcomes[0] == Failure("rate_limited", "too fast (1 call; it asks to wait 3600 s)")


def test_429_halves_the_calls_in_flight_and_success_brings_them_back(tmp_path: Path) -> None:
    # The server bears four at once; sixteen are allowed.
    server = Server()
    server.fate = lambda request, attempt: limited() if server.in_flight > 4 else None
    done = run(server, tmp_path, [asked(n) for n in range(200)], concurrency=16, attempts=12)
    assert len([o for o in done.outcomes.values() if isinstance(o, Response)]) == 200
    assert server.crowds[15] == 16
    refused = sum(crowd > 4 for crowd in server.crowds)
    assert refused < 80
    assert max(server.crowds[60:]) <= 8


def test_total_time_is_limited_waits_included(tmp_path: Path) -> None:
    server = Server(lambda request, attempt: TransientError("unavailable", "500"), seconds=3.0)
    done = run(server, tmp_path, [asked(0)], attempts=1000, total_timeout_s=60)
    assert done.seconds <= 60.0
    assert max(when for when, _ in server.sent) < 60.0
    assert isinstance(done.outcomes[0], Failure)
    # The last call may have been cut short by the limit.
    assert done.outcomes[0].code in {"unavailable", "timeout"}
    assert len(server.sent) > 3


def test_a_turn_that_comes_too_late_is_not_taken(tmp_path: Path) -> None:
    # Turns are a minute apart: the first calls take three, and the second attempts come when the time is over.
    server = Server(lambda request, attempt: TransientError("unavailable", "500"), seconds=0.1)
    done = run(server, tmp_path, [asked(n) for n in range(3)], rpm=1, total_timeout_s=90)
    assert [when for when, _ in server.sent] == [0.0, 60.0, 120.0]
    assert set(done.outcomes.values()) == {Failure("unavailable", "500 (1 call)")}


def test_a_call_that_hangs_ends_by_its_own_limit_or_the_requests(tmp_path: Path) -> None:
    server = Server(seconds=10_000)
    done = run(server, tmp_path / "a", [asked(0)], attempts=2, timeout_s=20)
    assert done.outcomes[0] == Failure("timeout", "no answer in 25 s (2 calls)")
    done = run(server, tmp_path / "b", [asked(0)], attempts=9, timeout_s=50, total_timeout_s=70)
    assert done.seconds <= 70.1
    assert isinstance(done.outcomes[0], Failure)
    assert done.outcomes[0].code == "timeout"


def test_a_users_error_stops_all_at_once_and_keeps_what_was_received(tmp_path: Path) -> None:
    server = Server(lambda request, attempt: UserError("bad key") if request.settings.seed == 9 else None)
    done = run(server, tmp_path, [asked(n) for n in range(100)], concurrency=4)
    assert str(done.error) == "bad key"
    assert len(server.sent) <= 13
    assert len(done.outcomes) >= 8
    assert len(list(done.store.rows())) >= len(done.outcomes)


def test_truncations_are_kept_as_failures_and_not_tried_again(tmp_path: Path) -> None:
    cut = Response("{", "length", "m", "fp", 100, 20)
    server = Server(lambda request, attempt: cut)
    done = run(server, tmp_path, [asked(0)])
    assert done.outcomes == {0: cut}
    assert len(server.sent) == 1
    assert done.store.get([asked(0).key]) == {}


def cost_of(prompt: int, completion: int) -> float:
    return (prompt * 10 + completion * 100) / 1e6


def test_the_budget_is_never_overspent_by_more_than_was_reserved(tmp_path: Path) -> None:
    real = Response("{}", "stop", "m", "fp", 10, 5)  # 0.0006
    server = Server(lambda request, attempt: real)
    done = run(server, tmp_path, [asked(n) for n in range(100)], budget_usd=0.02, prices=PRICES, concurrency=4)
    assert isinstance(done.error, BudgetError)
    total, open_ = done.store.apply([spent, reserved])
    assert total / NANO <= 0.02
    assert open_ == 0
    # All that fits is spent: what is left would not hold another reservation.
    assert 0.02 - total / NANO < cost_of(28, 20)
    assert len(done.outcomes) == round(total / NANO / cost_of(10, 5))
    assert len(server.sent) == len(done.outcomes)
    assert "raise the budget and run again" in str(done.error)
    assert f"budget.usd: is 0.02; {total / NANO:.6f} is spent, 0.000000 set aside for calls" in str(done.error)
    assert "\n" not in str(done.error)
    # Run again with more money: only the rest is asked.
    rest = [asked(n) for n in range(100) if n not in done.outcomes]
    again = run(server, tmp_path, rest, budget_usd=1.0, prices=PRICES)
    assert again.error is None
    assert len(server.sent) == 100


def test_reservations_wait_for_calls_in_flight_before_they_give_up(tmp_path: Path) -> None:
    # Two reservations fit at a time, all eight calls do.
    real = Response("{}", "stop", "m", "fp", 1, 1)
    server = Server(lambda request, attempt: real)
    budget = 2.2 * cost_of(28, 20)
    done = run(server, tmp_path, [asked(n) for n in range(8)], budget_usd=budget, prices=PRICES, concurrency=8)
    assert done.error is None
    assert len(done.outcomes) == 8
    assert max(server.crowds) == 2


def test_a_call_that_may_have_been_billed_stays_reserved_others_do_not(tmp_path: Path) -> None:
    fates = [limited(), TransientError("timeout", "late", billed=True), TransientError("unavailable", "500"), None]
    server = Server(lambda request, attempt: fates[attempt])
    done = run(server, tmp_path, [asked(0)], budget_usd=1.0, prices=PRICES, attempts=4)
    assert isinstance(done.outcomes[0], Response)
    total, open_ = done.store.apply([spent, reserved])
    assert total / NANO == pytest.approx(cost_of(100, 20))
    assert open_ / NANO == pytest.approx(cost_of(28, 20))


def test_a_budget_without_a_price_is_refused_before_the_first_call(tmp_path: Path) -> None:
    server = Server()
    with pytest.raises(UserError, match=r"endpoints\.here\.prices: no price for m, so budget\.usd cannot hold"):
        run(server, tmp_path, [asked(0)], budget_usd=1.0)
    assert server.sent == []


def test_what_the_provider_says_it_cost_wins_and_the_gap_is_recorded(tmp_path: Path) -> None:
    server = Server(lambda request, attempt: Response("{}", "stop", "m", "fp", 100, 20, cost_usd=0.004))
    done = run(server, tmp_path, [asked(0)], prices=PRICES)
    [[entry]] = done.store.apply([lambda c: list(entries(c))])
    assert entry.nano_usd == 0.004 * NANO
    assert (entry.compared_reported - entry.compared_priced) / NANO == pytest.approx(0.001)
    assert entry.unpriced == 0


def test_an_unknown_cost_is_counted_not_taken_for_nothing(tmp_path: Path) -> None:
    done = run(Server(), tmp_path, [asked(0)])
    [[entry]] = done.store.apply([lambda c: list(entries(c))])
    assert (entry.calls, entry.unpriced, entry.nano_usd) == (1, 1, 0)


@pytest.mark.parametrize(
    ("identity", "answers", "stops"),
    [
        ("fingerprint", [("m-1", "a"), ("m-1", "a")], False),
        ("fingerprint", [("m-1", "a"), ("m-1", "b")], True),
        ("fingerprint", [("m-1", "a"), ("m-1", "")], False),
        ("fingerprint", [("m-1", "a"), ("m-2", "a")], True),
        ("fingerprint", [("m-1", "a"), ("", "")], False),
        ("model", [("m-1", "a"), ("m-1", "b")], False),
        ("model", [("m-1", "a"), ("m-2", "a")], True),
        ("off", [("m-1", "a"), ("m-2", "b")], False),
    ],
)
def test_a_model_that_changes_between_rounds_stops_the_run(
    tmp_path: Path, identity: str, answers: list[tuple[str, str]], stops: bool
) -> None:
    rounds = [Response("{}", "stop", model, fingerprint) for model, fingerprint in answers]
    first = run(Server(lambda r, a: rounds[0]), tmp_path, [asked(0)], identity=identity)
    assert first.error is None
    second = run(Server(lambda r, a: rounds[1]), tmp_path, [asked(1)], identity=identity)
    assert (second.error is not None) == stops
    # An answer of another model is not kept: the rerun meets it again and stops again.
    assert bool(second.store.get([asked(1).key])) != stops
    if stops:
        assert "is not the model that answered before: it was m-1" in str(second.error)
        assert "set another `revision`" in str(second.error)
        again = run(Server(lambda r, a: rounds[1]), tmp_path, [asked(1)], identity="off")
        assert again.error is None


@given(st.integers(1, 600), st.lists(st.tuples(st.integers(1, 50), st.floats(0, 20)), min_size=1, max_size=60))
def test_no_minute_gets_more_than_its_share(per_minute: int, bookings: list[tuple[int, float]]) -> None:
    pacer, now, gone = Pacer(per_minute), 0.0, []
    for amount, pause in bookings:
        now += pause
        gone.append((now + pacer.book(amount, now), amount))
    for start, _ in gone:
        inside = [amount for when, amount in gone if start <= when < start + 60.0]
        assert sum(inside[:-1]) <= per_minute + 1e-6


@given(st.integers(1, 100), st.lists(st.booleans(), max_size=300))
def test_the_limit_stays_between_one_and_the_most_allowed(most: int, results: list[bool]) -> None:
    limit = AdaptiveLimit(most)
    for answered in results:
        before = limit.allowed
        if answered:
            limit.succeeded()
            assert before <= limit.allowed <= before + 1
        else:
            limit.refused(limit.halvings)
            assert limit.allowed == max(1, before // 2)
        assert 1 <= limit.allowed <= most


def test_a_crowd_refused_together_halves_once() -> None:
    limit = AdaptiveLimit(64)
    for _ in range(64):
        limit.refused(0)
    assert limit.allowed == 32
    limit.refused(1)
    assert limit.allowed == 16


def test_a_wait_is_longer_than_wished_and_doubles_up_to_a_minute_at_random() -> None:
    def waits(made: int, wished: float | None = None) -> tuple[float, float]:
        drawn = [lane._wait(made, wished) for _ in range(400)]
        return min(drawn), max(drawn)

    for made, longest in ((1, 1.0), (2, 2.0), (4, 8.0), (7, 60.0), (1000, 60.0)):
        least, most = waits(made)
        assert 0 <= least < longest / 4 and longest * 3 / 4 < most <= longest
    for wished in (0.0, 7.5, 300.0):
        least, most = waits(3, wished)
        assert wished <= least < wished + 0.25 and wished + 0.75 < most <= wished + 1
