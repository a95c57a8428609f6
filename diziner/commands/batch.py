"""`diziner batch`: the requests of all stages that can go now, in batches at a lower price."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from diziner.commands.documents import left_out_lines, prepare
from diziner.common.errors import ProviderError, UserError
from diziner.common.options import number
from diziner.common.tables import text_table
from diziner.common.words import counted
from diziner.layout import cost_report, room_named, rooms, store_path
from diziner.llm import batches
from diziner.llm.batches import BatchRow
from diziner.llm.store import ResponseStore
from diziner.llm.waiting import NO_BATCHES, goes_out, standing
from diziner.prompting.request import Request
from diziner.settings import Settings, load_settings

_LAST = 20  # ended batches that `status` shows


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    send = actions.add_parser("submit", help="send what all stages that are ready lack, a file a model and endpoint")
    send.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all with a pipeline, if none is given")
    actions.add_parser("status", help="say how the batches stand")
    fetch = actions.add_parser("collect", help="keep the answers of what has ended; `diziner repro` does so too")
    fetch.add_argument("--wait", action="store_true", help="until all have ended")
    fetch.add_argument(
        "--every",
        type=number("--every", 0, 86400, open_below=True),
        default=60.0,
        metavar="SECONDS",
        help="between two looks, with --wait",
    )
    stop = actions.add_parser("cancel", help="have batches end; what was answered is kept and paid for")
    forget = actions.add_parser("forget", help="take batches out of account without asking their provider")
    for named in (stop, forget):
        named.add_argument("batches", metavar="BATCH", nargs="+", help="as `status` names it, or all")
    parser.epilog = "example: diziner batch submit; once it has ended: diziner repro"


def run(options: argparse.Namespace) -> None:
    """Run the chosen action.

    Errors: UserError for what a provider refuses or the settings lack; ProviderError for a provider that cannot be
    reached, and from `collect` while something is still to come.
    """
    settings, store = load_settings(), ResponseStore(store_path())
    match options.action:
        case "submit":
            _submit(store, settings, options.benchmarks)
        case "status":
            _status(store, settings)
        case "collect":
            _collect(store, settings, options.every if options.wait else None)
        case "cancel":
            _cancel(store, settings, options.batches)
        case _:
            _forget(store, options.batches)


def collected(store: ResponseStore, settings: Settings) -> list[BatchRow]:
    """Look at all open batches, keep what has ended, and say a line for each. Errors: as `collect`."""
    from diziner.llm.collecting import collect

    rows = collect(store, settings.endpoints, cost_report())
    for row in rows:
        _say(f"{row.name}: {standing(row)}")
    return rows


def _submit(store: ResponseStore, settings: Settings, benchmarks: Sequence[str]) -> None:
    from diziner.llm.submitting import Sent, submit
    from diziner.rehearsal.gather import gather

    if not any(endpoint.batch for endpoint in settings.endpoints.values()):
        raise UserError(NO_BATCHES)
    chosen = [room_named(name) for name in benchmarks] or rooms()
    reasons = prepare([room.name for room in chosen], settings, bool(benchmarks))
    sys.stdout.write(left_out_lines(reasons))
    chosen = [room for room in chosen if room.name not in reasons]
    collected(store, settings)
    found = gather(chosen, settings, lambda endpoint, label: goes_out(settings.endpoints[endpoint], label))
    missing = _without_gone(store, settings, found.missing)
    if missing:
        sys.stderr.write(f"{counted(len(missing), 'request')} can go now\n")
    sent = 0
    for outcome in submit(store, settings.endpoints, missing, settings.budget_usd):
        if isinstance(outcome, Sent):
            row, how = outcome.row, "was there already" if outcome.was_found else "submitted"
            _say(f"{row.name}: {counted(row.requests, 'request')} to {row.model} of {row.endpoint}, {how}")
            sent += row.requests
        else:
            _say(f"{counted(outcome.requests, 'request')} to {outcome.model} of {outcome.endpoint} left: {outcome.why}")
    for name, why in found.held_up.items():
        sys.stderr.write(f"{name}: cannot go on: {why}\n")
    if not sent:
        if found.held_up and len(found.held_up) == len(chosen):
            raise UserError(f"nothing to send: none of the {len(chosen)} benchmarks can go on; the reasons are above")
        waiting = len(store.read(batches.open_batches)) if store.path.exists() else 0
        _say(f"nothing to send; {waiting} open: `diziner repro` goes on once they have ended" if waiting else _NOTHING)


def _without_gone(
    store: ResponseStore, settings: Settings, missing: Sequence[tuple[str, Request]]
) -> list[tuple[str, Request]]:
    """Return what is asked of models that are there; of the others it is said and written down that they are gone."""
    from diziner.llm.roll_call import gone_models

    models = {(request.settings.endpoint, request.settings.model): request.settings for _, request in missing}
    gone = gone_models(settings, store, list(models.values()))
    for (endpoint, model), why in gone.items():
        _say(
            f"{model} of {endpoint} is gone: {why}; `diziner repro` leaves its annotators out, or says what to do "
            "where they have answered before"
        )
        store.apply([lambda c, own=(endpoint, model, why): batches.note_gone(c, *own)])  # type: ignore[misc]
    return [work for work in missing if (work[1].settings.endpoint, work[1].settings.model) not in gone]


_NOTHING = "nothing to send: `diziner repro` goes on"


def _status(store: ResponseStore, settings: Settings) -> None:
    """Say how batches stand, asking providers about the open ones; nothing is collected."""
    from diziner.llm.collecting import look

    if store.path.exists():
        look(store, settings.endpoints)
    rows = store.read(batches.all_batches) if store.path.exists() else []
    ended = [row for row in rows if not row.is_open]
    shown = [*ended[-_LAST:], *(row for row in rows if row.is_open)]
    if not shown:
        _say("no batches")
        return
    lines = [
        (row.name, row.endpoint, row.model, str(row.requests), "open" if row.is_open else "collected", standing(row))
        for row in shown
    ]
    sys.stdout.write(text_table(("batch", "endpoint", "model", "requests", "", "state"), lines))


def _collect(store: ResponseStore, settings: Settings, every: float | None) -> None:
    while True:
        rows = collected(store, settings) if store.path.exists() else []
        left = [row for row in rows if row.is_open]
        if not left:
            _say("nothing is open" if not rows else "all is collected: `diziner repro` goes on")
            return
        if every is None:
            raise ProviderError(f"{len(left)} of {len(rows)} batches are to come; run the same command again")
        time.sleep(every)


def _cancel(store: ResponseStore, settings: Settings, names: Sequence[str]) -> None:
    from diziner.llm.collecting import cancel

    for row in _named(store, names):
        cancel(store, settings.endpoints, row)
    if store.path.exists():
        collected(store, settings)


def _forget(store: ResponseStore, names: Sequence[str]) -> None:
    for row in _named(store, names):
        store.apply([lambda c, row=row: batches.close_batch(c, row.tag, "forgotten", row.note)])  # type: ignore[misc]
        _say(f"{row.name}: forgotten; its {counted(row.requests, 'request')} can be sent again")


def _named(store: ResponseStore, names: Sequence[str]) -> list[BatchRow]:
    """Return the open batches of these names. Errors: UserError for a name that none has."""
    rows = store.read(batches.open_batches) if store.path.exists() else []
    known = {row.name: row for row in rows} | {row.tag: row for row in rows}
    if list(names) == ["all"]:
        if not rows:
            _say("no batch is open")
        return rows
    strangers = [name for name in names if name not in known]
    if strangers:
        there = ", ".join(row.name for row in rows) or "none"
        raise UserError(f"no open batch {strangers[0]!r}; there are: {there}")
    return [known[name] for name in dict.fromkeys(names)]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
