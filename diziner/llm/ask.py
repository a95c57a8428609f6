"""Asking models: the response store first, then tapes, then a call. The one door to every model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from diziner.common.errors import UserError
from diziner.common.files import write_json
from diziner.endpoints import Endpoint
from diziner.llm.progress import Progress
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.prompting.request import REPAIR, Outcome, Request, Response
from diziner.storage.rows import Reply, outcome_of


@dataclass
class Tally:
    """What asking cost so far: requests asked, of these found in the store or a tape, and sent to a model;
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
    `weights` is params `weights`, for endpoints of kind local. `budget_usd` is the most that all calls recorded in
    the store may cost together. `report` is a file for what they cost, written after calls. `progress` shows how
    far it is.
    """

    store: ResponseStore
    endpoints: Mapping[str, Endpoint]
    weights: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tape: Path | None = None
    tally: Tally = field(default_factory=Tally)
    replays: bool = True
    budget_usd: float | None = None
    report: Path | None = None
    progress: Callable[[str, int, int, TextIO], Progress] = Progress
    _servers: dict[str, Any] = field(default_factory=dict)
    _lanes: dict[str, Any] = field(default_factory=dict)
    _recorded: dict[str, Reply] | None = None

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name; UserError if params `endpoints` has none."""
        if name not in self.endpoints:
            known = ", ".join(sorted(self.endpoints))
            raise UserError(f"params.yaml: endpoints: no endpoint {name}; there are: {known}")
        return self.endpoints[name]

    def address(self, endpoint: str) -> str:
        """See `diziner.prompting.asker.Asker`."""
        return self.endpoint(endpoint).address

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        """See `diziner.prompting.asker.Asker`. Equal requests are asked once."""
        keys = [request.key for request in requests]
        outcomes: dict[str, Outcome] = {**self._found(keys)}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in outcomes}
        self.tally.asked += len(requests)
        self.tally.found += sum(key in outcomes for key in keys)
        if missing:
            with self.progress(label, len(set(keys)), len(outcomes), sys.stderr) as progress:
                self._call_each(list(missing.values()), label, outcomes, progress)
        return [outcomes[key] for key in keys]

    def _found(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """The outcomes of those among `keys` that need no call: of the store, then whatever the tape has."""
        found = self.store.get(keys)
        if len(found) < len(set(keys)) and self.tape is not None and self.tape.exists():
            if self._recorded is None:
                self._recorded = {key: reply for key, _, reply in read_tape(self.tape)}
            recorded = self._recorded
            found.update((key, recorded[key]) for key in keys if key not in found and key in recorded)
        return {key: outcome_of(reply) for key, reply in found.items()}

    def _call_each(self, requests: list[Request], label: str, outcomes: dict[str, Outcome], progress: Progress) -> None:
        """Calls for each model in turn, so that a local one is in memory only while it is needed."""
        found = [outcome for outcome in outcomes.values() if isinstance(outcome, Response)]
        models = dict.fromkeys((request.settings.endpoint, request.settings.model) for request in requests)
        try:
            for name, model in sorted(models, key=lambda pair: pair[0]):
                mine = [r for r in requests if (r.settings.endpoint, r.settings.model) == (name, model)]
                # Answers that were found are this model's where it is the only one: as in every stage.
                self._call(mine, label, found if len(models) == 1 else [], outcomes, progress)
        finally:
            self._write_report()

    def _call(
        self,
        requests: list[Request],
        label: str,
        found: list[Response],
        outcomes: dict[str, Outcome],
        progress: Progress,
    ) -> None:
        # Only here, where a model is asked: what is served from the store does without the machinery of calls.
        from diziner.llm.budget import Budget
        from diziner.llm.client import check_extra, prepare
        from diziner.llm.lane import Lane, run

        endpoint = self.endpoint(requests[0].settings.endpoint)
        try:  # a missing key, or missing weights, is said before anything is started
            endpoint.key()
            if endpoint.kind == "local":
                self._weights_of(requests[0])
        except UserError as error:
            raise self._beside_the_tape(error, requests, label) from None
        check_extra(requests[0].settings)
        budget = Budget(self.store, endpoint, requests[0], label, self.budget_usd, found, self.tally.pay)
        if endpoint.name not in self._lanes:
            self._lanes[endpoint.name] = Lane(endpoint)

        def received(request: Request, outcome: Outcome) -> None:
            if request.key in budget.paid_elsewhere:
                self.tally.found += 1
            else:
                self.tally.called += 1
            outcomes[request.key] = outcome
            progress.advance()

        base_url = self._base_url(requests[0], endpoint)
        prepare(endpoint)
        run(self._lanes[endpoint.name].call_all(requests, base_url, budget, received))

    def _beside_the_tape(self, error: UserError, requests: Sequence[Request], label: str) -> UserError:
        """The error of a model that cannot be asked; where the tape has answers of it, with what differs from them."""
        if self.tape is None or not self.replays or not self.tape.exists():
            return error
        from diziner.llm.difference import difference, without_answer

        first, *others = requests
        rows = [row for row in read_tape(self.tape) if row[1]["model"] == first.settings.model]
        if not rows:
            return error
        found = difference(first.canonical(), rows, label.endswith(REPAIR))
        return UserError(without_answer(self.tape, label, first, len(others), found, error))

    def _weights_of(self, request: Request) -> Path:
        from diziner.llm.weights import weights_file

        return weights_file(request.settings.model, self.weights)

    def _write_report(self) -> None:
        if self.report is not None:
            from diziner.llm.cost_report import cost_report
            from diziner.storage.ledger import entries, reserved

            [report] = self.store.apply([lambda c: cost_report(entries(c), reserved(c))])
            write_json(self.report, report)

    def _base_url(self, request: Request, endpoint: Endpoint) -> str | None:
        if endpoint.kind != "local":
            return None
        from diziner.llm.local import LocalServer

        model, revision = request.settings.model, request.settings.revision
        path = self._weights_of(request)
        if not revision or not path.stem.startswith(revision):
            raise UserError(
                f"params.yaml: {model}: revision is {revision or 'missing'}, but its weights are {path.stem[:12]}; "
                "set revision to the first 12 digits of weights.sha256"
            )
        if model not in self._servers:
            # One model in memory at a time.
            self._servers.clear()
            self._servers[model] = LocalServer(path, endpoint)
        base_url: str = self._servers[model].base_url()
        return base_url
