"""Budget around a call: money is set aside before it; its answer, its cost and its model are recorded after."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.llm import ledger
from diziner.llm.batches import all_batches, holding
from diziner.llm.identity import changed_identity
from diziner.llm.price_list import price_for
from diziner.llm.store import ResponseStore
from diziner.llm.tables import keep, kept
from diziner.llm.waiting import in_batches
from diziner.llm.writer import Writer
from diziner.prices import most_tokens
from diziner.prompting.request import REPAIR, Refusal, Reply, Request, Response


class BudgetError(UserError):
    """The next call could cost more than is left of the budget."""


class Budget:
    """The records of one kind of work (a label) with one model. For calls of one event loop.

    `budget_usd` is the most that all calls recorded in this store may cost together, None for no limit. `found`
    are answers of this model that came from the store or a tape. `paid` is told what each answer cost.
    """

    def __init__(
        self,
        store: ResponseStore,
        endpoint: Endpoint,
        sample: Request,
        label: str,
        budget_usd: float | None,
        found: Iterable[Response],
        paid: Callable[[int], object] = int,
    ) -> None:
        self._store = store
        self._writer = Writer(store)
        self._claimant = store.claimant
        self._claims: set[str] = set()
        self.paid_elsewhere: set[str] = set()  # keys of requests that another run has had answered meanwhile
        self._paid = paid
        self._endpoint = endpoint
        self._budget_usd = budget_usd
        self._work = label.removesuffix(REPAIR)
        self._repair = label != self._work
        self._model = sample.settings.model
        self.price = price_for(endpoint, self._model)
        self._open: set[int] = set()
        self._settled = asyncio.Event()
        if budget_usd is not None and self.price is None:
            raise UserError(
                f"params.yaml: endpoints.{endpoint.name}.prices: no price for {self._model}, so budget.usd cannot "
                "hold; add `input` and `output` in US dollars per million tokens (0 for a server of your own), or "
                "remove the budget"
            )
        revision = sample.settings.revision
        earlier = store.apply([lambda c: ledger.identities(c, sample.address, self._model, revision)])[0]
        self._known = {*earlier, *(endpoint.backend.identity(response) for response in found)}

    async def claim(self, request: Request) -> Reply | bool:
        """Return whether the request is ours to ask now; the reply, if another run has paid for it meanwhile.

        Errors: WaitingError if it is in a batch.
        """

        def step(connection: sqlite3.Connection) -> Reply | bool | str:
            for reply in kept(connection, [request.key]).values():
                return reply
            for tag in holding(connection, [request.key]).values():
                return tag
            return self._claimant.claim(connection, request.key)

        found = await self._writer.run(step)
        if isinstance(found, str):  # it was sent just now
            raise in_batches(self._work, 1, [row for row in self._store.read(all_batches) if row.tag == found])
        if found is True:
            self._claims.add(request.key)
        elif found is not False:
            self.paid_elsewhere.add(request.key)
        return found

    async def let_go(self, request: Request) -> None:
        """Give up the claim to a request that has no reply, so that others may ask."""
        if request.key in self._claims:
            await self._writer.run(lambda c: self._claimant.let_go(c, request.key))
            self._claims.discard(request.key)

    async def reserve(self, request: Request) -> int | None:
        """Set aside the most that a call can cost; None without a budget. Waits for calls in flight to settle.

        Errors: BudgetError if it does not fit and nothing in flight could make room.
        """
        if self._budget_usd is None or self.price is None:
            return None
        most = ledger.nano(self.price.usd(*most_tokens(request)))
        limit = ledger.nano(self._budget_usd)
        while True:
            self._settled.clear()
            reservation = await self._writer.run(lambda c: self._store.reserve(c, most, limit))
            if reservation is not None:
                self._open.add(reservation)
                return reservation
            if not self._open:
                raise await self._writer.run(lambda c: self._over_budget(c, most))
            await self._settled.wait()

    async def keep(self, request: Request, response: Reply, reservation: int | None) -> None:
        """Keep a reply and what it cost; durable when this returns. A refusal is not billed.

        Errors: UserError if the model is not the one that answered before: then the cost is kept, not the answer.
        """
        if isinstance(response, Refusal):
            refusal = response
            await self._writer.run(lambda c: keep(c, request.key, request.canonical(), refusal))
            await self.release(reservation)
            return
        changed = self.changed(response)

        def step(connection: sqlite3.Connection) -> None:
            self._claimant.let_go(connection, request.key)
            if changed is None:
                keep(connection, request.key, request.canonical(), response)

        await self.charge(request, response, reservation, step)
        self._claims.discard(request.key)
        if changed is not None:
            raise UserError(changed)

    async def charge(
        self,
        request: Request,
        response: Response,
        reservation: int | None,
        more: Callable[[sqlite3.Connection], object] = id,
    ) -> int:
        """Book what a response cost, with `more` in the same transaction; return it in billionths of a US dollar."""
        entry = ledger.spending_of(request, response, self._work, self._repair, self.price)

        def step(connection: sqlite3.Connection) -> None:
            ledger.book(connection, entry, reservation)
            more(connection)

        await self._writer.run(step)
        self._close(reservation)
        self._paid(entry.nano_usd)
        return entry.nano_usd

    async def release(self, reservation: int | None) -> None:
        """Give up what was set aside for a call that was not billed."""
        if reservation is not None:
            await self._writer.run(lambda c: ledger.release(c, reservation))
            self._close(reservation)

    def written_off(self, reservation: int | None) -> None:
        """Count what was set aside as spent: the call may have been billed, and nobody will say."""
        self._close(reservation)

    async def drain(self) -> None:
        """Give up what claims are left, and wait until everything is on disk."""
        left, self._claims = self._claims, set()

        def step(connection: sqlite3.Connection) -> None:
            for key in left:
                self._claimant.let_go(connection, key)

        if left:
            # What cannot be given up now lapses with the process.
            with contextlib.suppress(UserError):
                await self._writer.run(step)
        await self._writer.drain()

    def _close(self, reservation: int | None) -> None:
        if reservation is not None:
            self._open.discard(reservation)
            self._settled.set()

    def _over_budget(self, connection: sqlite3.Connection, most: int) -> BudgetError:
        spent, aside = (nano / ledger.NANO for nano in self._store.standing(connection))
        return BudgetError(
            f"params.yaml: budget.usd: is {self._budget_usd:g}; {spent:.6f} is spent, {aside:.6f} set aside for calls "
            f"whose cost is not known, and the next call to {self._model} can cost {most / ledger.NANO:.6f}; "
            "every answer so far is kept: raise the budget and run again"
        )

    def changed(self, response: Response) -> str | None:
        """Return what to say if the model is not the one that answered before; None if it is, or nobody looks."""
        return changed_identity(self._endpoint, self._model, self._known, response)
