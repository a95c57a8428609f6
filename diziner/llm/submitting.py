"""Submitting of batches: requests that lack an answer, in files of one endpoint and model within the provider's limits.

Written down first, sent then, and named by what the provider calls it last. What ends in between is settled the next
time: a batch that the provider has is found by its tag, one that it does not have is forgotten and sent anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.endpoints import Endpoint
from diziner.endpoints.batch_api import URL, BatchApi, UnsureError
from diziner.llm import batches, ledger
from diziner.llm.batches import SENDING, BatchRow
from diziner.llm.keys import refuse_keys_in_requests
from diziner.llm.price_list import price_for
from diziner.llm.store import ResponseStore
from diziner.llm.tables import kept
from diziner.prices import Price, most_tokens, prompt_tokens
from diziner.prompting.request import Request

Work = tuple[str, Request]  # what a request is for, and the request
Lines = dict[str, tuple[Work, bytes]]  # by key: work and request, and the line that is sent
_LOOK_BACK_S = 30 * 86_400  # how long a batch that nobody here wrote down is looked for


@dataclass(frozen=True, slots=True)
class Sent:
    """Outcome of sending one file: the batch with its requests, and whether it was there already."""

    row: BatchRow
    was_found: bool


@dataclass(frozen=True, slots=True)
class Left:
    """Requests of a model that were not sent, and why."""

    endpoint: str
    model: str
    requests: int
    why: str


def submit(
    store: ResponseStore, endpoints: Mapping[str, Endpoint], missing: Iterable[Work], budget_usd: float | None
) -> Iterator[Sent | Left]:
    """Send what is missing and in no batch yet; yields what became of each file as it is known.

    Errors: UserError for what a provider refuses, a budget that does not allow the next file, a missing key;
    ProviderError where a provider cannot be reached: once the other models' files are sent.
    """
    groups: dict[tuple[str, str], dict[str, Work]] = {}
    for work, request in missing:
        group = request.settings.endpoint, request.settings.model
        groups.setdefault(group, {})[request.key] = (work, request)
    failed: list[DizinerError] = []
    for (name, model), works in sorted(groups.items()):
        endpoint = endpoints[name]
        try:
            endpoint.key()  # a missing one is said before anything is made ready
            known = store.read(lambda c, keys=list(works): _settled(c, keys))  # type: ignore[misc]
            fresh = {key: work for key, work in works.items() if key not in known}
            yield from _sent(store, endpoint, model, fresh, budget_usd)
        except (UserError, ProviderError) as error:
            failed.append(error)
    if failed:
        raise failed[0]


def settle(store: ResponseStore, endpoints: Mapping[str, Endpoint], row: BatchRow) -> BatchRow | None:
    """Return a batch that was being sent when its process ended, with the provider's id; None if it was not accepted.

    It is returned as it was while another process is still sending it.
    """
    store.apply([batches.make_tables])
    if not store.apply([lambda c: store.claimant.claim(c, row.tag)])[0]:
        return row
    try:
        found = BatchApi(endpoint_of(endpoints, row), row.model).find(row.tag, row.since)

        def step(connection: sqlite3.Connection) -> BatchRow | None:
            if found is None:
                _forget(connection, row)
                return None
            batches.note_job(connection, row.tag, found)
            return next((own for own in batches.all_batches(connection) if own.tag == row.tag), None)

        return store.apply([step])[0]
    finally:
        store.apply([lambda c: store.claimant.let_go(c, row.tag)])


def lines_for(endpoint: Endpoint, works: Mapping[str, Work]) -> Iterator[tuple[str, Work, bytes]]:
    """Yield key, work and line of each request, as a batch has it: with the body that a call would send."""
    from diziner.endpoints.client import body_of
    from diziner.llm.lane import run

    refuse_keys_in_requests(request for _, request in works.values())
    for key, work in works.items():
        bodies: list[object] = []

        async def write(request: Request = work[1], bodies: list[object] = bodies) -> None:
            bodies.append(await body_of(request, endpoint))

        run(write())
        # In ASCII: some readers take other characters than a line feed for a line's end, as in a document there can be.
        line = {"custom_id": key, "method": "POST", "url": URL, "body": bodies[0]}
        yield key, work, json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _sent(
    store: ResponseStore, endpoint: Endpoint, model: str, works: Mapping[str, Work], budget_usd: float | None
) -> Iterator[Sent | Left]:
    mode = endpoint.batch_mode
    assert mode is not None  # the settings are checked
    room = _room(store, endpoint, model)
    left = 0
    lines: Lines = {}
    size = 0
    for key, work, line in lines_for(endpoint, works):
        tokens = prompt_tokens(work[1])
        if room is not None and tokens > room:
            left += 1
            continue
        room = None if room is None else room - tokens
        if lines and (len(lines) == mode.max_requests or size + len(line) > mode.max_mb * 1e6):
            yield from _send(store, endpoint, model, lines, budget_usd)
            lines, size = {}, 0
        lines[key] = work, line
        size += len(line)
    if lines:
        yield from _send(store, endpoint, model, lines, budget_usd)
    if left:
        yield Left(endpoint.name, model, left, f"endpoints.{endpoint.name}.batch.max_enqueued_tokens is reached")


def _room(store: ResponseStore, endpoint: Endpoint, model: str) -> int | None:
    most = endpoint.batch.max_enqueued_tokens if endpoint.batch else None
    if most is None:
        return None
    waiting: int = store.read(lambda c: batches.enqueued(c, endpoint.name, model))
    return most - waiting


def _send(
    store: ResponseStore, endpoint: Endpoint, model: str, lines: Lines, budget_usd: float | None
) -> Iterator[Sent]:
    """Send one file; nothing where all of it has been answered or sent meanwhile."""
    row = store.apply([batches.make_tables, lambda c: _noted(c, store, endpoint, model, lines, budget_usd)])[1]
    if not isinstance(row, BatchRow):
        return
    try:
        api = BatchApi(endpoint, model)
        data = b"".join(lines[key][1] for key in store.read(lambda c: batches.requests_of(c, row.tag)))
        try:
            found = api.find(row.tag, row.since - _LOOK_BACK_S)
            if found is not None and found.state in ("failed", "cancelled"):
                found = None
            job = found or api.send(row.tag, data)
        except DizinerError as error:
            if not isinstance(error, UnsureError):  # it was not accepted, and what it holds can be sent another time
                store.apply([lambda c: _forget(c, row)])
            raise
        store.apply([lambda c: batches.note_job(c, row.tag, job)])
    finally:
        store.apply([lambda c: store.claimant.let_go(c, row.tag)])
    [noted] = [own for own in store.read(batches.all_batches) if own.tag == row.tag]
    yield Sent(noted, found is not None)


def _noted(
    connection: sqlite3.Connection,
    store: ResponseStore,
    endpoint: Endpoint,
    model: str,
    lines: Lines,
    budget_usd: float | None,
) -> BatchRow | None:
    """Write down a batch of those requests that nobody has answered, sent or is asking now; None if there are none."""
    known = _settled(connection, list(lines))
    chosen = {key: work for key, (work, _) in lines.items() if key not in known}
    chosen = {key: work for key, work in chosen.items() if store.claimant.claim(connection, key)}
    for key in chosen:  # from now on the batch holds them
        store.claimant.let_go(connection, key)
    if not chosen:
        return None
    tag = batches.tag_of(chosen, batches.next_attempt(connection, list(chosen)))
    reservation = _reserved(connection, endpoint, model, chosen.values(), budget_usd)
    tokens = sum(prompt_tokens(request) for _, request in chosen.values())
    row = BatchRow(
        tag, endpoint.name, model, "", SENDING, len(chosen), tokens, reservation, batches.now(), is_open=True, note=""
    )
    batches.note_batch(connection, row, chosen)
    store.claimant.claim(connection, tag)
    return row


def _settled(connection: sqlite3.Connection, keys: Sequence[str]) -> set[str]:
    """Return the keys among `keys` that are answered or in a batch."""
    found = set(batches.holding(connection, keys))
    for start in range(0, len(keys), 500):
        found |= kept(connection, keys[start : start + 500]).keys()
    return found


def _reserved(
    connection: sqlite3.Connection, endpoint: Endpoint, model: str, works: Iterable[Work], budget_usd: float | None
) -> int | None:
    """Set aside the most that a batch can cost; None without a budget. Errors: UserError if it does not fit."""
    if budget_usd is None:
        return None
    price = price_for(endpoint, model)
    if price is None:
        raise UserError(
            f"params.yaml: endpoints.{endpoint.name}.prices: no price for {model}, so budget.usd cannot hold; add "
            "`input` and `output` in US dollars per million tokens, or remove the budget"
        )
    most = ledger.nano(sum(_most_usd(price, request) for _, request in works) * _share(endpoint))
    reservation = ledger.reserve(connection, most, ledger.nano(budget_usd))
    if reservation is None:
        spent = (ledger.spent(connection) + ledger.reserved(connection)) / ledger.NANO
        raise UserError(
            f"params.yaml: budget.usd: is {budget_usd:g}; {spent:.6f} is spent or set aside, and the next batch of "
            f"{model} can cost {most / ledger.NANO:.6f}: raise the budget, lower max_tokens, or set "
            f"endpoints.{endpoint.name}.batch.max_requests to send it in parts"
        )
    return reservation


def _most_usd(price: Price, request: Request) -> float:
    return price.usd(*most_tokens(request))


def _share(endpoint: Endpoint) -> float:
    """Return the share of the price that a batch costs."""
    mode = endpoint.batch_mode
    return 1.0 - (mode.discount if mode else 0.0)


def _forget(connection: sqlite3.Connection, row: BatchRow) -> None:
    batches.forget_batch(connection, row.tag)
    if row.reservation is not None:
        ledger.release(connection, row.reservation)


def endpoint_of(endpoints: Mapping[str, Endpoint], row: BatchRow) -> Endpoint:
    """Return the endpoint of a batch; UserError if the settings have it no more."""
    if row.endpoint not in endpoints:
        raise UserError(
            f"params.yaml: endpoints: no endpoint {row.endpoint}, whose batch {row.name} is open; put it back, or "
            f"`diziner batch forget {row.name}` takes the batch out of account"
        )
    return endpoints[row.endpoint]
