"""Several servers of one model behind one endpoint: who is asked next, who is left out, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from diziner.endpoints.failures import TransientError
from diziner.prompting.request import Reply

Probe = Callable[[str], Awaitable[bool]]

_FIRST_REST_S = 2.0
_LONGEST_REST_S = 60.0
_PROBE_S = 3.0
_ERRORS_IN_A_ROW = 3  # of a server that does answer; one may be the request's fault


@dataclass(eq=False)
class _Replica:
    """`errors` and `rests` count those since its last answer; a rest ends when the event loop's clock reads
    `rests_until`."""

    url: str
    in_flight: int = 0
    errors: int = 0
    rests: int = 0
    rests_until: float = 0.0
    is_trusted: bool = True  # False from a failure until it was looked at


class Replicas:
    """The base URLs of one endpoint. A call goes to the one with the fewest calls in flight, in turn where equal.

    A replica that is down, does not answer, or answers with its third error in a row is left out: 2 s at first,
    twice as long each time it fails again, up to 60 s. Then it is looked at (`probe`) and asked again if it is up.
    If all are left out, the one whose rest ends first is asked, so that the endpoint's own attempts and time
    limits decide.
    """

    def __init__(self, urls: Sequence[str], probe: Probe | None = None) -> None:
        self._replicas = [_Replica(url) for url in urls]
        self._probe = probe or is_up
        self._last = -1

    async def send(self, call: Callable[[str], Awaitable[Reply]]) -> Reply:
        """Return the response of `call(base URL)`.

        Where nobody listens, the next replica is tried at once: that costs no attempt and cannot have been billed.
        Errors: what `call` raises; if nobody listens anywhere, what it raised last.
        """
        down: list[_Replica] = []
        while True:
            replica = await self._next(down)
            replica.in_flight += 1
            try:
                response = await call(replica.url)
            except TransientError as error:
                if error.code != "rate_limited":
                    self._failed(replica, at_once=error.unreached or error.billed)
                down.append(replica)
                if not error.unreached or len(down) == len(self._replicas):
                    raise
            except asyncio.CancelledError:
                # Mostly the time limit of the call: whoever let it pass is not asked next.
                self._failed(replica, at_once=True)
                raise
            else:
                replica.errors = replica.rests = 0
                return response
            finally:
                replica.in_flight -= 1

    async def _next(self, tried: Collection[_Replica]) -> _Replica:
        while True:
            now = asyncio.get_running_loop().time()
            others = [replica for replica in self._replicas if replica not in tried]
            awake = [replica for replica in others if replica.rests_until <= now]
            if not awake:
                return min(others, key=lambda replica: replica.rests_until)
            replica = self._least_busy(awake)
            if replica.is_trusted:
                return replica
            # Whoever comes here first looks; the others go elsewhere meanwhile.
            replica.rests_until = now + _PROBE_S
            if await self._probe(replica.url):
                replica.is_trusted, replica.rests_until = True, 0.0
                return replica
            self._leave_out(replica)

    def _least_busy(self, awake: Sequence[_Replica]) -> _Replica:
        count = len(self._replicas)
        turns = {replica: (place - self._last - 1) % count for place, replica in enumerate(self._replicas)}
        chosen = min(awake, key=lambda replica: (replica.in_flight, turns[replica]))
        self._last = self._replicas.index(chosen)
        return chosen

    def _failed(self, replica: _Replica, at_once: bool) -> None:
        if not replica.is_trusted:
            return  # calls that were in flight when it failed are no further news
        replica.errors += 1
        if at_once or replica.errors >= _ERRORS_IN_A_ROW:
            self._leave_out(replica)

    def _leave_out(self, replica: _Replica) -> None:
        rest = min(_LONGEST_REST_S, _FIRST_REST_S * 2.0 ** min(replica.rests, 10))
        replica.rests += 1
        replica.rests_until = asyncio.get_running_loop().time() + rest
        replica.is_trusted = False


async def is_up(base_url: str) -> bool:
    """Return whether a server answers `GET <base URL>/models` with anything but an error of its own (status below
    500)."""
    import httpx

    try:
        async with httpx.AsyncClient(timeout=_PROBE_S) as client:
            return (await client.get(f"{base_url.rstrip('/')}/models")).status_code < 500
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
