"""Making calls: how many at once and how fast, one attempt budget and one time limit per request, waits."""

from __future__ import annotations

import asyncio
import atexit
import random
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from typing import Any

from diziner.common.errors import DizinerError, UserError
from diziner.endpoints import Endpoint, Send
from diziner.endpoints.failures import TransientError, UnclearRefusalError
from diziner.llm.budget import Budget, BudgetError
from diziner.llm.claimed import Claimed
from diziner.llm.first_calls import FirstCalls
from diziner.llm.pacing import AdaptiveLimit
from diziner.llm.shared_limits import pacer, places
from diziner.prices import prompt_tokens
from diziner.prompting.request import Outcome, Reply, Request, Response
from diziner.records.annotations import Failure

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
# The transport's own limit comes first; this one is for a transport that forgets it.
_GRACE_S = 5.0
# Calls that set out in step come back in step, and then wait for each other at every turn.
_APART_S = 0.004
_FIRST_GUESS_TOKENS = 256  # of an answer's length, until there are answers


class Lane:
    """The traffic to one endpoint. Keeps its pace and its number of calls in flight from one `call_all` to the next.

    All times are the event loop's.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._limit = AdaptiveLimit(endpoint.concurrency)
        self._requests = pacer(f"{endpoint.name}.rpm", endpoint.rpm)
        self._tokens = pacer(f"{endpoint.name}.tpm", endpoint.tpm)
        self._places = places(endpoint.name, endpoint.concurrency)
        self._answer_tokens = float(_FIRST_GUESS_TOKENS)
        self._in_flight = 0
        self._held_until = 0.0
        self._waiting: list[asyncio.Future[None]] = []
        self._stop: DizinerError | None = None

    async def call_all(
        self,
        requests: Sequence[Request],
        send: Send,
        budget: Budget,
        received: Callable[[Request, Outcome], None],
        first: FirstCalls | None = None,
        one_ahead: bool = False,
    ) -> None:
        """Call `send` once for each request; `received` gets every outcome as it comes, an answer once it is on disk.

        A request whose attempts or time are used up comes back as a Failure (rate_limited, unavailable, timeout), one
        that is refused as a Refusal, which is kept, or as a Failure where nothing says that it is the request's fault.
        Errors: UserError (bad key, unknown model) ends all calls at once; BudgetError, and that of `first` if its
        calls all failed, once the calls in flight, which are paid for, are back. What was received before it has been
        passed on. With `one_ahead` the first request is answered before the next are sent: what all prompts begin with
        is kept by the provider then, and is not read, and paid for, by as many calls as are in flight.
        """
        self._stop = None
        ahead = asyncio.Event()
        waiting = Claimed(requests, budget, lambda: self._stop is not None)

        async def work(place: int) -> None:
            if one_ahead and place:
                await ahead.wait()
            await asyncio.sleep(place * _APART_S)
            try:
                # Workers share the requests, so at most `concurrency` calls are in flight and order is kept.
                while claimed := await waiting.next():
                    if not await answer(*claimed):
                        return
                    ahead.set()
            finally:
                ahead.set()

        async def answer(request: Request, reply: Reply | None) -> bool:
            if reply is not None:
                received(request, reply)
                return True
            try:
                outcome = await self._call(request, send, budget, first)
            except BudgetError as error:
                self._stop = error
                return False
            if outcome is None:
                return False
            await budget.let_go(request)
            received(request, outcome)
            if first is not None:
                self._stop = self._stop or first.ended(request, outcome)
            return True

        try:
            # A task group cancels the other workers when one stops on an error.
            async with asyncio.TaskGroup() as group:
                for place in range(min(self._endpoint.concurrency, len(requests))):
                    group.create_task(work(place))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            await budget.drain()
        if self._stop is not None:
            raise self._stop

    async def _call(self, request: Request, send: Send, budget: Budget, first: FirstCalls | None) -> Outcome | None:
        """Return the outcome of one request; None if all calls are to stop before it was made."""
        endpoint = self._endpoint
        clock = asyncio.get_running_loop().time
        deadline: float | None = None
        failed = TransientError("unavailable", "no attempt")
        made = 0
        while made < endpoint.attempts:
            await self._enter()
            place = None
            try:
                if self._places:
                    place = await self._places.take()
                expected = await self._pace(request)
                if self._stop is not None:
                    return None
                # The clock starts with the first call: waiting for a turn is nobody's fault.
                deadline = deadline or clock() + endpoint.total_timeout_s
                if clock() >= deadline:
                    break
                started = self._limit.halvings
                reservation = await budget.reserve(request)
                made += 1
                try:
                    reply = await self._sent(request, send, deadline - clock())
                except UnclearRefusalError as error:
                    self._limit.succeeded()
                    if first is not None and first.answered:
                        # Others are answered: it is this request's fault.
                        await budget.keep(request, error.refusal, reservation)
                        return error.refusal
                    await budget.release(reservation)
                    return error.refusal.failure
                except UserError:
                    await budget.release(reservation)
                    raise
                except TransientError as error:
                    failed = error
                    if error.billed:
                        budget.written_off(reservation)
                    else:
                        await budget.release(reservation)
                    self._refused(error, started, clock())
                else:
                    self._limit.succeeded()
                    self._learn(reply, expected)
                    await budget.keep(request, reply, reservation)
                    return reply
            finally:
                if self._places and place is not None:
                    self._places.give(place)
                self._leave()
            wait = _wait(made, failed.retry_after)
            if made == endpoint.attempts or clock() + wait >= deadline:
                break
            await asyncio.sleep(wait)
        calls = "1 call" if made == 1 else f"{made} calls"
        asked = f"; it asks to wait {failed.retry_after:g} s" if failed.retry_after and made < endpoint.attempts else ""
        return Failure(failed.code, f"{failed.detail} ({calls}{asked})")

    async def _sent(self, request: Request, send: Send, left: float) -> Reply:
        limit = self._endpoint.timeout_s + _GRACE_S
        try:
            async with asyncio.timeout(min(limit, left)):
                return await send(request)
        except TimeoutError:
            waited = f"{limit:g} s" if limit < left else f"the {self._endpoint.total_timeout_s:g} s of a request"
            raise TransientError("timeout", f"no answer in {waited}", billed=True) from None

    async def _enter(self) -> None:
        """Wait for a free place among the calls in flight, and while the endpoint asked everyone to wait."""
        loop = asyncio.get_running_loop()
        while True:
            if (hold := self._held_until - loop.time()) > 0:
                await asyncio.sleep(hold)
            elif self._in_flight < self._limit.allowed:
                self._in_flight += 1
                return
            else:
                place = loop.create_future()
                self._waiting.append(place)
                await place

    def _leave(self) -> None:
        self._in_flight -= 1
        waiting, self._waiting = self._waiting, []
        for place in waiting:
            if not place.done():
                place.set_result(None)

    async def _pace(self, request: Request) -> float:
        """Wait for the request's turn; returns the tokens booked for it."""
        now = asyncio.get_running_loop().time()
        expected = prompt_tokens(request) + min(self._answer_tokens, request.settings.max_tokens)
        waits = [self._requests.book(1, now)] if self._requests else []
        waits += [self._tokens.book(expected, now)] if self._tokens else []
        if waits and max(waits) > 0:
            await asyncio.sleep(max(waits))
        return expected

    def _learn(self, response: Reply, expected: float) -> None:
        if not isinstance(response, Response):
            return
        self._answer_tokens += (response.completion_tokens - self._answer_tokens) / 8
        if self._tokens:
            self._tokens.correct(response.prompt_tokens + response.completion_tokens - expected)

    def _refused(self, error: TransientError, started: int, now: float) -> None:
        if error.code == "rate_limited":
            self._limit.refused(started)
        if error.retry_after is not None and error.retry_after < self._endpoint.total_timeout_s:
            # The wish concerns the account, not the one request: calls made meanwhile would only use up attempts.
            self._held_until = max(self._held_until, now + error.retry_after)


def run(calls: Coroutine[Any, Any, None]) -> None:
    """Run calls to their end, on the process's one event loop: litellm keeps its connections and workers to it."""
    _runner().run(calls)


@cache
def _runner() -> asyncio.Runner:
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


def _wait(made: int, wished: float | None) -> float:
    """Return seconds before the next attempt: full jitter, on top of what the provider wishes."""
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(made - 1, 10))
    if wished is None:
        return random.uniform(0, longest)
    return wished + random.uniform(0, _FIRST_WAIT_S)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error to show: the user's before others that follow from it."""
    users = errors.subgroup(UserError)
    found: BaseException = users or errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
