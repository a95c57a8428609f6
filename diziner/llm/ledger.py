"""Ledger of what calls cost, beside the answers: sums per kind of work, and money set aside for calls under way.

Money is counted in whole billionths of a US dollar, so that sums do not depend on their order. A reservation
is the most that a call can cost; it is given up when the call's cost is known. One that was never given up
(the process was killed, or the call timed out and may have been billed) counts as spent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

from diziner.prices import Price
from diziner.prompting.request import Request, Response

NANO = 1_000_000_000
PROBING = "check-endpoint "  # how the work of probes begins, which are behind no output

TABLES = (
    "CREATE TABLE IF NOT EXISTS spending (work TEXT, repair INTEGER, address TEXT, model TEXT, revision TEXT, "
    "structured TEXT, reported TEXT, fingerprint TEXT, calls INTEGER, unanswered INTEGER, unpriced INTEGER, "
    "prompt_tokens INTEGER, completion_tokens INTEGER, nano_usd INTEGER, compared_reported INTEGER, "
    "compared_priced INTEGER, cached_tokens INTEGER NOT NULL DEFAULT 0, "
    "PRIMARY KEY (work, repair, address, model, revision, structured, reported, fingerprint)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS reservations (id INTEGER PRIMARY KEY, nano_usd INTEGER NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Spending:
    """Spending on calls of one kind. `work` is the label they were asked under, `repair` 1 for repair turns.

    `reported` and `fingerprint` are the model's own account of what it is. `unanswered` counts responses that
    are no answers, `unpriced` those whose cost nobody knows. `nano_usd` is the cost: the provider's where it
    names one, else by price, else an estimate where there is one. `compared_*` are the first two over the calls that
    have both. `cached_tokens` are those of
    the prompts that the provider had at hand.
    """

    work: str
    repair: int
    address: str
    model: str
    revision: str
    structured: str
    reported: str
    fingerprint: str
    calls: int
    unanswered: int
    unpriced: int
    prompt_tokens: int
    completion_tokens: int
    nano_usd: int
    compared_reported: int
    compared_priced: int
    cached_tokens: int = 0


_COLUMNS = tuple(field.name for field in fields(Spending))
_KEYS, SUMS = _COLUMNS[:8], _COLUMNS[8:]
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
_BOOK = (
    f"INSERT INTO spending ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    f"ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET {_ADDED}"
)


def spending_of(request: Request, response: Response, work: str, repair: bool, price: Price | None) -> Spending:
    """Return one response as an entry. One that is priced by an estimate counts as unpriced, and as spent."""
    settings = request.settings
    reported_usd = response.cost_usd
    priced_usd = None if price is None else price.usd(*_tokens(response))
    known = priced_usd if reported_usd is None else reported_usd
    is_estimate = price is None or price.is_estimate
    both = not is_estimate and reported_usd is not None
    return Spending(
        work,
        int(repair),
        request.address,
        settings.model,
        settings.revision,
        settings.structured,
        response.model,
        response.fingerprint,
        calls=1,
        unanswered=int(response.failure is not None),
        unpriced=int(reported_usd is None and is_estimate),
        prompt_tokens=response.prompt_tokens,
        completion_tokens=response.completion_tokens,
        nano_usd=nano(known or 0.0),
        compared_reported=nano(reported_usd or 0.0) if both else 0,
        compared_priced=nano(priced_usd or 0.0) if both else 0,
        cached_tokens=response.cached_tokens,
    )


def _tokens(response: Response) -> tuple[int, int, int]:
    return response.prompt_tokens, response.completion_tokens, response.cached_tokens


def nano(usd: float) -> int:
    """Return US dollars as whole billionths."""
    return round(usd * NANO)


def book(connection: sqlite3.Connection, entry: Spending, reservation: int | None = None) -> None:
    """Add an entry and give up its reservation, within a transaction."""
    connection.execute(_BOOK, astuple(entry))
    if reservation is not None:
        release(connection, reservation)


def reserve(connection: sqlite3.Connection, most: int, limit: int) -> int | None:
    """Set `most` aside if what is spent and set aside stays within `limit`; the reservation's id, else None."""
    if spent(connection) + reserved(connection) + most > limit:
        return None
    return connection.execute("INSERT INTO reservations (nano_usd) VALUES (?)", (most,)).lastrowid


def release(connection: sqlite3.Connection, reservation: int) -> None:
    """Give up a reservation: the call was not billed, or its cost is booked."""
    connection.execute("DELETE FROM reservations WHERE id = ?", (reservation,))


def spent(connection: sqlite3.Connection) -> int:
    """Return the cost of all calls whose cost is known, in billionths of a US dollar."""
    total: int = connection.execute("SELECT COALESCE(SUM(nano_usd), 0) FROM spending").fetchone()[0]
    return total


def reserved(connection: sqlite3.Connection) -> int:
    """Return what is set aside, in billionths of a US dollar."""
    total: int = connection.execute("SELECT COALESCE(SUM(nano_usd), 0) FROM reservations").fetchone()[0]
    return total


def entries(connection: sqlite3.Connection) -> Iterator[Spending]:
    """Yield all sums, in the order of their keys."""
    for row in connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM spending ORDER BY {', '.join(_KEYS)}"):
        yield Spending(*row)


def identities(connection: sqlite3.Connection, address: str, model: str, revision: str) -> list[tuple[str, str]]:
    """Return the (reported model, fingerprint) pairs that a model has answered under; probes do not count."""
    return connection.execute(
        "SELECT DISTINCT reported, fingerprint FROM spending WHERE address = ? AND model = ? AND revision = ? "
        "AND substr(work, 1, ?) <> ? ORDER BY reported, fingerprint",
        (address, model, revision, len(PROBING), PROBING),
    ).fetchall()
