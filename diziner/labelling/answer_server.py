"""Server of the caller's answers to workers that have response stores of their own.

Workers ask it what is known, claim what they are about to ask a model, and deliver each answer before they count it as
received. So the caller's store has everything that any worker was ever told, whichever worker or machine is lost, and
no request is asked by two workers. One of these serves all workers of a labelling; it is in one process with the
caller's store, which other processes of that machine may use at the same time as always.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diziner.llm import ledger
from diziner.llm.ask import StoreAsker
from diziner.llm.batches import all_batches, holding
from diziner.llm.keys import refuse_keys_in_row
from diziner.llm.ledger import Spending
from diziner.llm.rows import Row
from diziner.llm.tables import keep, kept
from diziner.llm.waiting import in_batches
from diziner.prompting.request import Reply

# How far each worker's store has been merged, so that what is delivered twice is booked once.
_ORIGINS = "CREATE TABLE IF NOT EXISTS origins (name TEXT PRIMARY KEY, merged INTEGER NOT NULL) WITHOUT ROWID"
_UPTO = "INSERT INTO origins VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET merged = excluded.merged"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened in a worker's store, in the order of `number`: a reply that was kept, spending that was
    booked, or a reservation that was given up."""

    number: int
    what: Row | Spending | int


@dataclass(frozen=True, slots=True)
class Granted:
    """Outcome of a claim: the keys that are the worker's to ask, and rows that others have had answered meanwhile.
    Keys that are in neither are being asked by somebody else."""

    keys: frozenset[str]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Deliveries of workers so far: replies, their cost in billionths of a US dollar, and the documents of shards under
    way that have a first answer."""

    replies: int
    nano_usd: int
    under_way: int


class AnswerServer:
    """The caller's store and tape, as `asker` has them, for workers that are known by the names of their stores."""

    def __init__(self, asker: StoreAsker, label: str) -> None:
        self._asker = asker
        self._store = asker.store
        self._label = label
        self._owners: dict[str, str] = {}
        self._under_way: dict[str, int] = {}
        self._replies = self._nano_usd = 0
        self._store.apply([lambda c: c.execute(_ORIGINS)])

    def identities(self) -> list[Spending]:
        """Return who models said they were so far, as entries without sums: a worker's store begins with them."""
        sums: dict[str, Any] = dict.fromkeys(ledger.SUMS, 0)
        found = self._store.read(lambda c: [*ledger.entries(c)])
        return [replace(entry, **sums) for entry in found]

    def known(self, keys: Sequence[str], failures: bool = False) -> Mapping[str, Reply]:
        """Return what the store, the tape and finished batches have among `keys`, as `ResponseStore.get`.

        Errors: WaitingError for what is in a batch under way.
        """
        return self._store.get(keys, failures) if failures else self._asker.at_hand(keys, self._label)

    def claim(self, origin: str, keys: Sequence[str]) -> Granted:
        """Claim requests for a worker, in one transaction, from the other workers and from all who use the store.

        Errors: WaitingError if one went out in a batch just now.
        """
        mine = [key for key in keys if self._owners.get(key, origin) == origin]

        def step(connection: sqlite3.Connection) -> tuple[set[str], set[str], set[str]]:
            answered, sent = set(kept(connection, keys)), set(holding(connection, mine).values())
            claimed = {key for key in mine if key not in answered and self._store.claimant.claim(connection, key)}
            return answered, sent, claimed

        answered, sent, claimed = self._store.apply([step])[0]
        if sent:
            raise in_batches(self._label, len(sent), [row for row in self._store.read(all_batches) if row.tag in sent])
        self._owners |= dict.fromkeys(claimed, origin)
        return Granted(frozenset(claimed), tuple(self._store.rows_of(sorted(answered))))

    def deliver(self, origin: str, items: Sequence[Item], given_up: Iterable[str] = (), under_way: int = 0) -> None:
        """Merge what happened in a worker's store; durable when this returns. What was merged before is passed over.

        `given_up` are keys that the worker does not ask after all.
        """
        for item in items:
            if isinstance(item.what, tuple):
                refuse_keys_in_row(item.what)
        done: list[Item] = []

        def step(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT merged FROM origins WHERE name = ?", (origin,)).fetchone()
            done[:] = [item for item in items if row is None or item.number > row[0]]
            for item in done:
                self._merge(connection, item)
            for key in given_up:
                self._store.claimant.let_go(connection, key)
            if done:
                connection.execute(_UPTO, (origin, done[-1].number))

        self._store.apply([step])
        for key in (*given_up, *(item.what[0] for item in done if isinstance(item.what, tuple))):
            self._owners.pop(key, None)
        self._replies += sum(isinstance(item.what, tuple) for item in done)
        self._nano_usd += sum(item.what.nano_usd for item in done if isinstance(item.what, Spending))
        self._under_way[origin] = under_way

    def reserve(self, most: int, limit: int) -> int | None:
        """Set money aside in the caller's store, as `ledger.reserve`."""
        return self._store.apply([lambda c: ledger.reserve(c, most, limit)])[0]

    def standing(self) -> tuple[int, int]:
        """Return what is spent and what is set aside, in the caller's store."""
        return self._store.read(self._store.standing)

    def let_go(self, origin: str) -> None:
        """Free all that a worker has claimed: it is done with a shard, or it is gone.

        Money that was set aside for its calls stays so: they may have been billed.
        """
        mine = [key for key, owner in self._owners.items() if owner == origin]
        self._under_way.pop(origin, None)

        def step(connection: sqlite3.Connection) -> None:
            for key in mine:
                self._store.claimant.let_go(connection, key)

        if mine:
            self._store.apply([step])
        for key in mine:
            del self._owners[key]

    def counts(self) -> Counts:
        """Return what was delivered so far."""
        return Counts(self._replies, self._nano_usd, sum(self._under_way.values()))

    def write_report(self) -> None:
        """Write the report on what calls cost."""
        self._asker.write_report()

    def _merge(self, connection: sqlite3.Connection, item: Item) -> None:
        match item.what:
            case Spending() as entry:
                ledger.book(connection, entry)
            case int() as reservation:
                ledger.release(connection, reservation)
            case row:
                keep(connection, *row)
                self._store.claimant.let_go(connection, row[0])
