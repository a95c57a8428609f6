"""`diziner plan`: what a run would ask of models and what that costs, before anything is spent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from diziner.common.errors import UserError
from diziner.common.tables import text_table
from diziner.layout import room_named, rooms, store_path
from diziner.llm import ledger
from diziner.llm.access import asker_for
from diziner.llm.store import ResponseStore
from diziner.rehearsal.asker import SUPERVISOR, Planned, Rehearser
from diziner.rehearsal.rehearse import ask_first, rehearse
from diziner.settings import Settings, load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all with a pipeline, if none is given")
    parser.add_argument(
        "--ask",
        type=int,
        default=0,
        metavar="N",
        help="before, ask for N documents of the first benchmark in earnest; a run does not ask for them again",
    )
    parser.epilog = "example: diziner plan conll2003"


def run(options: argparse.Namespace) -> None:
    """Print a line for each benchmark, round and annotator or phase that would call a model, and the total."""
    settings = load_settings()
    if options.ask < 0:
        raise UserError(f"--ask: is {options.ask}; must be 0 or more")
    names = [room.name for room in map(room_named, options.benchmarks)] or [room.name for room in rooms()]
    if options.ask and names:
        room = room_named(names[0])
        gone = ask_first(room, settings, asker_for(settings, room), options.ask)
        sys.stdout.write("".join(f"{line}\n" for line in gone))
    sys.stdout.write(render(plan(names, settings), settings))


def plan(benchmarks: Sequence[str], settings: Settings) -> list[Planned]:
    """Return what a run on some benchmarks would ask, in its order; answers of the store and the tapes are not asked
    for.

    Errors: UserError if a benchmark's documents are not prepared.
    """
    store = ResponseStore(store_path())
    rows = list(store.rows())
    planned: list[Planned] = []
    for name in benchmarks:
        room = room_named(name)
        rehearser = Rehearser(store, settings.endpoints, settings.weights, room.tape, annotators=settings.pool)
        rehearser.learn(rows)
        rehearse(room, settings, rehearser)
        planned += rehearser.plan
    return planned


def render(planned: Sequence[Planned], settings: Settings) -> str:
    """Return the plan for a terminal."""
    calling = [line for line in planned if line.calls]
    head = ("work", "model", "calls", "in store", "tokens in", "tokens out", "USD")
    lines = [_row(line.work, line.model, [line]) for line in calling]
    text = text_table(head, [*lines, _row("total", "", planned)])
    text += (
        "prompts and answers of later rounds are estimates, by scripted stand-ins; answers are as long as those "
        "of the same model in the store, else as the stand-ins'; repair turns and retries come on top\n"
    )
    text += _prices(calling) + _unseen(calling)
    return text + _budget(sum(line.usd or 0.0 for line in calling), any(line.usd is None for line in calling), settings)


def _prices(calling: Sequence[Planned]) -> str:
    """Return where prices are from: a line for each source but params' own without one, and for what has none."""
    by_source: dict[str, set[str]] = {}
    for line in calling:
        if line.price is None:
            source = "no price in params endpoints.*.prices, nor in litellm's list, for"
        elif line.price.source:
            source = ("price estimated by " if line.price.is_estimate else "prices by ") + line.price.source
        else:
            continue
        by_source.setdefault(source, set()).add(line.model)
    return "".join(f"{source}: {', '.join(sorted(models))}\n" for source, models in sorted(by_source.items()))


def _unseen(calling: Sequence[Planned]) -> str:
    """Return what is to be said of models that reason, while nobody knows how long."""
    lines = [line for line in calling if line.unseen]
    if not lines:
        return ""
    more = sum((line.most_usd or 0.0) - (line.usd or 0.0) for line in lines)
    models = ", ".join(sorted({line.model for line in lines}))
    ways = ["`diziner plan --ask 3` asks three documents of each annotator", "a run of one benchmark tells of them all"]
    if all(SUPERVISOR in line.work for line in lines):
        del ways[0]
    return (
        f"reasoning is not counted for: {models}; up to USD {more:.2f} more, if each answer is as long as max_tokens "
        f"allows; plan again when there are answers: {'; '.join(ways)}\n"
    )


def _row(work: str, model: str, lines: Sequence[Planned]) -> tuple[str, ...]:
    costs = [line.usd for line in lines if line.calls]
    known = sum(cost for cost in costs if cost is not None)
    usd = f"{known:.4f}" if None not in costs else ("?" if not known else f"{known:.4f} + ?")
    calls = sum(line.calls for line in lines)
    return (
        work,
        model,
        str(calls),
        str(sum(line.asked for line in lines) - calls),
        f"{sum(line.prompt_tokens for line in lines):.0f}",
        f"{sum(line.completion_tokens for line in lines):.0f}",
        usd,
    )


def _budget(usd: float, unpriced: bool, settings: Settings) -> str:
    limit = settings.budget_usd
    if limit is None:
        return ""
    store = ResponseStore(store_path())
    spent = sum(store.apply([ledger.spent, ledger.reserved])) / ledger.NANO if store_path().exists() else 0.0
    left = limit - spent
    if unpriced:
        verdict = "a run will be refused until every model has a price"
    else:
        verdict = "enough" if usd <= left else "not enough: the run will stop there, with every answer kept"
    return f"budget.usd {limit:g}, of which {left:.4f} are left: {verdict}\n"
