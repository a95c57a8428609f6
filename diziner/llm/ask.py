"""Asker of models, the one door to all of them: the response store first, then tapes, then a call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diziner.common.errors import ModelGoneError, UserError
from diziner.common.files import write_json
from diziner.common.words import there_are
from diziner.endpoints import Endpoint, Send
from diziner.endpoints.prompt_cache import is_kept_on_demand
from diziner.llm.progress import Advance, Progress
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.prices import Price
from diziner.prompting.request import REPAIR, ModelSettings, Outcome, Reply, Request, Response

if TYPE_CHECKING:
    from diziner.llm.batches import BatchRow

COLLECTED = "DIZINER_COLLECTED"  # set where open batches were looked at just now, so that stages need not


@contextmanager
def _shown(label: str, total: int, found: int) -> Iterator[Advance]:
    with Progress(label, total, found, sys.stderr) as progress:
        yield progress.advance


@dataclass
class Tally:
    """Counts of asking so far: requests asked, of these found in the store or a tape, and sent to a model;
    the cost of its own calls in billionths of a US dollar, whatever others spend meanwhile."""

    asked: int = 0
    found: int = 0
    called: int = 0
    nano_usd: int = 0

    def pay(self, nano_usd: int) -> None:
        """Add what a call cost."""
        self.nano_usd += nano_usd


@dataclass
class StoreAsker:
    """Answers requests; keeps every answer before it is returned.

    `tape` is a file of recorded responses, also of failures that were recorded as such; with `replays` it is meant
    to have them all, and an error about a model that cannot be asked says what differs from the recording.
    `weights` is params `weights`, for models that run here. `budget_usd` is the most that all calls recorded in
    the store may cost together. `report` is a file for what they cost, written after calls. With `again`, what was
    answered and cannot be read, or was refused, is asked anew (`diziner.prompting.dialogue`). `before` is called once,
    before the first call that may cost something. With `batches`, what an endpoint sends out in batches is not called:
    `diziner.llm.waiting` says what to do. `progress` shows how far it is.
    """

    store: ResponseStore
    endpoints: Mapping[str, Endpoint]
    weights: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tape: Path | None = None
    tally: Tally = field(default_factory=Tally)
    replays: bool = True
    budget_usd: float | None = None
    report: Path | None = None
    again: bool = False
    batches: bool = False
    before: Callable[[], None] | None = None
    progress: Callable[[str, int, int], AbstractContextManager[Advance]] = _shown
    _connections: dict[tuple[str, str, str], Send] = field(default_factory=dict)
    _lanes: dict[str, Any] = field(default_factory=dict)
    _first: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    _recorded: dict[str, Reply] | None = None

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of that name; UserError if params `endpoints` has none."""
        if name not in self.endpoints:
            raise UserError(f"params.yaml: endpoints: no endpoint {name}; {there_are(sorted(self.endpoints), name)}")
        return self.endpoints[name]

    def address(self, endpoint: str) -> str:
        """See `diziner.prompting.asker.Asker`."""
        return self.endpoint(endpoint).address

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        """See `diziner.prompting.asker.Asker`. Equal requests are asked once.

        Errors: WaitingError too, for what is in a batch, or is to go out in one.
        """
        keys = [request.key for request in requests]
        outcomes: dict[str, Outcome] = {**self._found(keys)}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in outcomes}
        if missing:
            outcomes |= self._from_batches(list(missing.values()), label)
            missing = {key: request for key, request in missing.items() if key not in outcomes}
        self.tally.asked += len(requests)
        self.tally.found += sum(key in outcomes for key in keys)
        if missing:
            with self.progress(label, len(set(keys)), len(outcomes)) as advance:
                self._call_each(list(missing.values()), label, outcomes, advance)
        return [outcomes[key] for key in keys]

    def kept(self, requests: Sequence[Request]) -> list[bool]:
        """See `diziner.prompting.asker.KeepingAsker`."""
        found = self._found([request.key for request in requests])
        return [request.key in found for request in requests]

    def _found(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Return the replies among `keys` that need no call: answers and refusals of the store, then whatever the tape
        has."""
        found = self.store.get(keys)
        if len(found) < len(set(keys)) and self.tape is not None and self.tape.exists():
            if self._recorded is None:
                self._recorded = {key: reply for key, _, reply in read_tape(self.tape)}
            recorded = self._recorded
            found.update((key, recorded[key]) for key in keys if key not in found and key in recorded)
        return found

    def at_hand(self, keys: Sequence[str], label: str) -> dict[str, Reply]:
        """Return the replies among `keys` that need no call, with what open batches have brought.

        Errors: WaitingError for what is to come from a batch.
        """
        found = self._found(keys)
        missing = [key for key in keys if key not in found]
        return found | self._of_batches(missing, label)[0] if missing else found

    def _of_batches(self, keys: Sequence[str], label: str) -> tuple[dict[str, Reply], list[BatchRow]]:
        """Return what open batches have brought, and all batches; raises WaitingError if more is to come from them."""
        from diziner.llm.waiting import in_batches

        if not self.store.path.exists():
            return {}, []
        from diziner.llm import batches

        found: dict[str, Reply] = {}
        held = self.store.read(lambda c: batches.holding(c, keys))
        if held and not os.environ.get(COLLECTED):
            from diziner.llm.collecting import collect

            collect(self.store, self.endpoints, self.report, held.values())
            found = self._found(keys)
            held = self.store.read(lambda c: batches.holding(c, keys))
        rows = self.store.read(batches.all_batches)
        if held:
            raise in_batches(label, len(held), [row for row in rows if row.tag in held.values()])
        return found, rows

    def _from_batches(self, requests: list[Request], label: str) -> dict[str, Reply]:
        """Return what open batches have brought; raises WaitingError if more is to come from them, or can go out."""
        from diziner.llm.waiting import goes_out, in_none, is_gone, last_words

        found, rows = self._of_batches([request.key for request in requests], label)
        for name in sorted({request.settings.endpoint for request in requests}) if self.batches else ():
            if not goes_out(self.endpoint(name), label):
                continue
            mine = [r for r in requests if r.settings.endpoint == name and r.key not in found]
            # A response that is no answer (cut off, empty) is what came of it; `repro --now` asks again.
            found |= self.store.get([r.key for r in mine], failures=True)
            mine = [r for r in mine if r.key not in found]
            if mine and (why := is_gone(rows, name, mine[0].settings.model)):
                raise self._gone(ModelGoneError(why), mine[0], bool(found))
            if mine:
                raise in_none(label, len(mine), name, last_words(rows, name, mine[0].settings.model))
        return found

    def _call_each(self, requests: list[Request], label: str, outcomes: dict[str, Outcome], advance: Advance) -> None:
        """Call each model in turn, so that a local one is in memory only while it is needed."""
        found = [outcome for outcome in outcomes.values() if isinstance(outcome, Response)]
        models = dict.fromkeys((request.settings.endpoint, request.settings.model) for request in requests)
        try:
            for name, model in sorted(models, key=lambda pair: pair[0]):
                mine = [r for r in requests if (r.settings.endpoint, r.settings.model) == (name, model)]
                # Answers that were found are this model's where it is the only one: as in every stage.
                self._call(mine, label, found if len(models) == 1 else [], outcomes, advance)
        finally:
            self.write_report()

    def _call(
        self,
        requests: list[Request],
        label: str,
        found: list[Response],
        outcomes: dict[str, Outcome],
        advance: Advance,
    ) -> None:
        # Only here, where a model is asked: what is served from the store does without the machinery of calls.
        from diziner.endpoints.extra import check_extra
        from diziner.llm.budget import Budget
        from diziner.llm.first_calls import FirstCalls
        from diziner.llm.keys import refuse_keys_in_requests
        from diziner.llm.lane import Lane, run

        endpoint = self.endpoint(requests[0].settings.endpoint)
        try:  # a missing key, or missing weights, is said before anything is started
            endpoint.backend.ready(endpoint, requests[0].settings, self.weights)
        except UserError as error:
            raise self._beside_the_tape(error, requests, label) from None
        check_extra(requests[0].settings)
        refuse_keys_in_requests(requests)
        if self.before is not None and not endpoint.is_free:
            before, self.before = self.before, None
            before()
        budget = Budget(self.store, endpoint, requests[0], label, self.budget_usd, found, self.tally.pay)
        if endpoint.name not in self._lanes:
            self._lanes[endpoint.name] = Lane(endpoint)

        def received(request: Request, outcome: Outcome) -> None:
            if request.key in budget.paid_elsewhere:
                self.tally.found += 1
            else:
                self.tally.called += 1
            outcomes[request.key] = outcome
            advance()

        model = requests[0].settings
        first = self._first.setdefault(
            (endpoint.name, model.model, model.revision), FirstCalls(endpoint.name, model.model)
        )
        first.answered = first.answered or bool(found)
        send = self._connection(endpoint, requests[0])
        try:
            ahead = bool(requests[0].opening) and _keeps_beginnings(endpoint, model, budget.price)
            run(self._lanes[endpoint.name].call_all(requests, send, budget, received, first, ahead))
        except ModelGoneError as error:
            raise self._gone(error, requests[0], first.answered) from None

    def _gone(self, error: ModelGoneError, request: Request, answered: bool) -> UserError:
        """Return the error of a model that is gone; of one that has answered before, another."""
        if not answered and not self._has_answered(request):
            return error
        # Rounds with it and rounds without it are not to be mixed unasked.
        return UserError(
            f"{error}; it has answered before: to go on without it, take it out of annotator_pool; what others "
            "answered is kept"
        )

    def _has_answered(self, request: Request) -> bool:
        """Return whether the store or the tape has an answer of the request's model."""
        wanted = request.canonical()
        tape = read_tape(self.tape) if self.tape is not None and self.tape.exists() else []
        return any(
            isinstance(reply, Response) and all(row[name] == wanted[name] for name in ("address", "model", "revision"))
            for _, row, reply in chain(tape, self.store.rows())
        )

    def _connection(self, endpoint: Endpoint, request: Request) -> Send:
        model = request.settings
        name = endpoint.name, model.model, model.revision
        if name not in self._connections:
            if endpoint.backend.runs_here:
                # One model in memory at a time.
                self._connections.clear()
            self._connections[name] = endpoint.backend.connect(endpoint, model, self.weights)
        return self._connections[name]

    def _beside_the_tape(self, error: UserError, requests: Sequence[Request], label: str) -> UserError:
        """Return the error of a model that cannot be asked; where the tape has answers of it, with what differs from
        them."""
        if self.tape is None or not self.replays or not self.tape.exists():
            return error
        from diziner.llm.difference import difference, without_answer

        first, *others = requests
        rows = [row for row in read_tape(self.tape) if row[1]["model"] == first.settings.model]
        if not rows:
            return error
        found = difference(first.canonical(), rows, label.endswith(REPAIR))
        return UserError(without_answer(self.tape, label, first, len(others), found, error))

    def write_report(self) -> None:
        """Write the report on what calls cost, if there is to be one."""
        if self.report is not None:
            from diziner.llm.cost_report import cost_report
            from diziner.llm.ledger import entries, reserved

            [report] = self.store.apply([lambda c: cost_report(entries(c), reserved(c))])
            write_json(self.report, report)


def _keeps_beginnings(endpoint: Endpoint, model: ModelSettings, price: Price | None) -> bool:
    """Return whether a provider is known to keep what prompts begin with, and to ask less for it then."""
    is_cheaper = price is not None and price.cached is not None and price.cached < price.input
    return is_cheaper or is_kept_on_demand(endpoint.provider, model.model)
