"""Requests of a run, handed out one by one as they become its own to ask.

Another run may ask the same at the same time: what it has claimed is put off, and comes back with its answer, or is
claimed here once it has been given up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from diziner.llm.budget import Budget
from diziner.prompting.request import Reply, Request

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 1.0


class Claimed:
    """The requests of one run for many workers; `stopped` says that no more are wanted."""

    def __init__(self, requests: Sequence[Request], budget: Budget, stopped: Callable[[], bool]) -> None:
        self._left = deque(requests)
        self._budget = budget
        self._stopped = stopped

    async def next(self) -> tuple[Request, Reply | None] | None:
        """Return the next request that is ours to ask, or one with the reply that another run paid for; None at the
        end."""
        wait = _FIRST_WAIT_S
        while self._left and not self._stopped():
            request = self._left.popleft()
            claim = await self._budget.claim(request)
            if claim is not False:
                return request, None if claim is True else claim
            self._left.append(request)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
        return None
