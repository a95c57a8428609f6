"""Collecting of batches: each answer once into the store, with what it cost, whatever order and form it comes in.

A request leaves its batch with its answer, in one transaction. What comes back twice finds it gone; what has none when
the batch has ended (it expired, was cancelled, or the provider failed) is to be sent again.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.files import write_json
from diziner.common.plain import plain_message
from diziner.common.words import counted
from diziner.endpoints import Endpoint, Identity
from diziner.endpoints.batch_api import BatchApi, Job, lines_in
from diziner.endpoints.client import reply_in
from diziner.endpoints.failures import TransientError, UnclearRefusalError
from diziner.llm import batches, ledger
from diziner.llm.batches import SENDING, BatchRow, request_from
from diziner.llm.identity import changed_identity
from diziner.llm.price_list import price_for
from diziner.llm.store import ResponseStore
from diziner.llm.submitting import endpoint_of, settle
from diziner.llm.tables import keep
from diziner.prompting.request import REPAIR, Refusal, Reply, Request, Response

_AT_ONCE = 500  # lines of a transaction
# Error codes of lines that nobody has answered, and nobody has been paid for.
_NOT_DONE = {"batch_expired": "expired", "batch_cancelled": "cancelled"}

Take = Callable[[sqlite3.Connection, str], bool]


@dataclass
class Intake:
    """Counts of what came back: `answers` kept, `refusals` kept, `doubled` lines, `strange` ones for requests that it
    does not hold, and what has no answer by reason. `changed`: another model answered, so that its answers are not
    kept."""

    answers: int = 0
    refusals: int = 0
    doubled: int = 0
    strange: int = 0
    unanswered: Counter[str] = field(default_factory=Counter)
    changed: str = ""

    def add(self, other: Intake) -> None:
        """Add the counts of another part."""
        for name in ("answers", "refusals", "doubled", "strange"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unanswered.update(other.unanswered)
        self.changed = self.changed or other.changed

    def words(self) -> str:
        """Return the counts in words."""
        parts = [counted(self.answers, "answer")]
        parts += [counted(self.refusals, "refusal")] * bool(self.refusals)
        parts += [f"{self.doubled} of them twice"] * bool(self.doubled)
        parts += [f"{counted(self.strange, 'line')} for requests that it does not hold"] * bool(self.strange)
        parts += [f"{count} not answered ({why})" for why, count in sorted(self.unanswered.items())]
        return ", ".join(parts)


def collect(
    store: ResponseStore,
    endpoints: Mapping[str, Endpoint],
    report: Path | None = None,
    only: Iterable[str] | None = None,
) -> list[BatchRow]:
    """Look at the open batches, keep what has ended, and return all that were open, as they stand now.

    `only`: batches of these tags. `report` is the file of costs, written anew. Errors: ProviderError where a provider
    cannot be reached; UserError for a key that is missing, or where another model answered than before.
    """
    chosen = None if only is None else set(only)
    rows = [row for row in store.read(batches.open_batches) if chosen is None or row.tag in chosen]
    failed: list[DizinerError] = []
    for row in rows:
        try:
            _collect(store, endpoints, row)
        except (UserError, ProviderError) as error:  # the others are collected all the same
            failed.append(error)
    if rows and report is not None:
        write_report(store, report)
    if failed:
        raise failed[0]
    after = {row.tag: row for row in store.read(batches.all_batches)}
    return [after[row.tag] for row in rows if row.tag in after]


def _collect(store: ResponseStore, endpoints: Mapping[str, Endpoint], row: BatchRow) -> None:
    endpoint = endpoint_of(endpoints, row)
    known = settle(store, endpoints, row) if row.state == SENDING else row
    if known is None or not known.id:
        return
    api = BatchApi(endpoint, row.model)
    try:
        job = api.look(known.id)
        _note(store, known, job)
        if not job.has_ended:
            return
        intake = _keep_all(store, endpoint, known, api.lines(job))
    except UserError as error:
        way_out = f"; where it is lost for good, `diziner batch forget {known.name}` lets its requests be sent again"
        raise UserError(f"{error}{way_out}") from None
    note = f"{intake.words()}{f'; {job.errors}' if job.errors else ''}"
    store.apply([lambda c: _close(c, known, job.state, note)])
    if intake.changed:
        raise UserError(intake.changed)


def look(store: ResponseStore, endpoints: Mapping[str, Endpoint]) -> None:
    """Write down how the open batches stand; nothing is kept. Errors: as `collect`."""
    for row in store.read(batches.open_batches):
        if row.id:
            _note(store, row, BatchApi(endpoint_of(endpoints, row), row.model).look(row.id))


def cancel(store: ResponseStore, endpoints: Mapping[str, Endpoint], row: BatchRow) -> None:
    """Have a batch end; what it has answered is for `collect` to keep. Errors: as `collect`."""
    endpoint = endpoint_of(endpoints, row)
    known = settle(store, endpoints, row) if row.state == SENDING else row
    if known is not None and known.id:
        _note(store, known, BatchApi(endpoint, row.model).cancel(known.id))


def take_in(
    store: ResponseStore,
    endpoint: Endpoint,
    model: str,
    lines: Iterable[Mapping[str, Any]],
    asked: Mapping[str, tuple[str, Mapping[str, Any]]],
    take: Take,
) -> Intake:
    """Keep what lines of a batch's output answer; `asked` has work and canonical request by key.

    `take` says within the transaction whether a key's answer is still wanted, and takes it off the list.
    """
    intake = Intake()
    seen: set[str] = set()
    unclear: list[tuple[str, Refusal]] = []
    known: dict[tuple[str, str], set[Identity]] = {}  # as it was before: providers answer under several fingerprints
    rest = iter(lines)
    while chunk := list(islice(rest, _AT_ONCE)):
        replies: dict[str, Reply] = {}
        for line in chunk:
            key = str(line.get("custom_id"))
            if key not in asked:
                intake.strange += 1
            elif key in seen:
                intake.doubled += 1
            elif (reply := _reply(line, request_from(asked[key][1]), endpoint, intake, unclear)) is not None:
                seen.add(key)
                replies[key] = reply
        _book(store, endpoint, model, replies, asked, take, intake, known)
    # Others are answered: then it is these requests' fault.
    for key, refusal in unclear:
        if intake.answers:
            _book(store, endpoint, model, {key: refusal}, asked, take, intake, known)
        else:
            intake.unanswered[f"{refusal.code}: {refusal.detail}"] += 1
    return intake


def output_lines(file: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a batch's output; an empty object for what is no line of one."""
    return lines_in(file)


def write_report(store: ResponseStore, report: Path) -> None:
    """Write what calls and batches have cost so far."""
    from diziner.llm.cost_report import cost_report

    [value] = store.apply([lambda c: cost_report(ledger.entries(c), ledger.reserved(c))])
    write_json(report, value)


def _note(store: ResponseStore, row: BatchRow, job: Job) -> None:
    store.apply([lambda c: batches.note_job(c, row.tag, job)])


def _keep_all(store: ResponseStore, endpoint: Endpoint, row: BatchRow, lines: Iterator[Mapping[str, Any]]) -> Intake:
    asked = store.read(lambda c: batches.requests_of(c, row.tag))
    intake = take_in(store, endpoint, row.model, lines, asked, lambda c, key: batches.take(c, row.tag, key))
    silent = len(store.read(lambda c: batches.requests_of(c, row.tag))) - sum(intake.unanswered.values())
    if silent > 0:
        intake.unanswered["no line came back"] += silent
    return intake


def _close(connection: sqlite3.Connection, row: BatchRow, state: str, note: str) -> None:
    batches.close_batch(connection, row.tag, state, note)
    if row.reservation is not None:
        ledger.release(connection, row.reservation)


def _reply(
    line: Mapping[str, Any], request: Request, endpoint: Endpoint, intake: Intake, unclear: list[tuple[str, Refusal]]
) -> Reply | None:
    """Return the reply in a line; where it holds none, count why."""
    response, problem = line.get("response"), line.get("error")
    status = response.get("status_code") if isinstance(response, Mapping) else None
    if not isinstance(status, int) or not isinstance(response, Mapping):
        code = str(problem.get("code")) if isinstance(problem, Mapping) else ""
        said = problem.get("message") if isinstance(problem, Mapping) else problem
        intake.unanswered[_NOT_DONE.get(code) or plain_message(f"unavailable: {said or code or 'an empty line'}")] += 1
        return None
    try:
        return reply_in(status, response.get("body"), request, endpoint)
    except UnclearRefusalError as error:
        unclear.append((request.key, error.refusal))
    except TransientError as error:
        intake.unanswered[f"{error.code}: {error.detail}"] += 1
    except (UserError, ProviderError) as error:
        intake.unanswered[str(error)] += 1
    return None


def _book(
    store: ResponseStore,
    endpoint: Endpoint,
    model: str,
    replies: Mapping[str, Reply],
    asked: Mapping[str, tuple[str, Mapping[str, Any]]],
    take: Take,
    intake: Intake,
    known: dict[tuple[str, str], set[Identity]],
) -> None:
    """Keep replies and what they cost in one transaction: those that are still wanted."""

    def step(connection: sqlite3.Connection) -> Counter[str]:
        counts: Counter[str] = Counter()
        for key, reply in replies.items():
            if not take(connection, key):
                counts["doubled"] += 1
                continue
            work, canonical = asked[key]
            if isinstance(reply, Refusal):
                counts["refusals"] += keep(connection, key, dict(canonical), reply)
                continue
            who = str(canonical["address"]), str(canonical["revision"])
            if who not in known:
                known[who] = set(ledger.identities(connection, who[0], model, who[1]))
            changed = changed_identity(endpoint, model, known[who], reply)
            _account(connection, endpoint, request_from(canonical), work, reply)
            if changed is None:
                keep(connection, key, dict(canonical), reply)
                counts["answers"] += 1
            else:
                intake.changed = changed
                counts["changed"] += 1
        return counts

    [counts] = store.apply([step])
    intake.answers += counts["answers"]
    intake.refusals += counts["refusals"]
    intake.doubled += counts["doubled"]
    if counts["changed"]:
        intake.unanswered["by another model than before"] += counts["changed"]


def _account(
    connection: sqlite3.Connection, endpoint: Endpoint, request: Request, work: str, response: Response
) -> None:
    """Book what an answer from a batch cost: by price, less what batches save."""
    price, mode = price_for(endpoint, request.settings.model), endpoint.batch_mode
    if price is not None and mode is not None:
        price = price.times(1.0 - mode.discount)
    label = work.removesuffix(REPAIR)
    ledger.book(connection, ledger.spending_of(request, response, label, label != work, price))
