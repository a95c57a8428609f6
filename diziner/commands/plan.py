"""`diziner plan`: what a run would ask of models and what that costs, before anything is spent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from diziner.commands.documents import left_out_lines, prepare
from diziner.common.tables import text_table
from diziner.layout import room_named, rooms, store_path
from diziner.llm import ledger
from diziner.llm.store import ResponseStore
from diziner.rehearsal.asker import Planned, Rehearser
from diziner.rehearsal.rehearse import rehearse
from diziner.settings import Settings, load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all with a pipeline, if none is given")
    parser.add_argument("--strict", action="store_true", help="fail if a benchmark's documents cannot be loaded")
    parser.epilog = "example: diziner plan conll2003"


def run(options: argparse.Namespace) -> None:
    """Print a line for each benchmark, round and annotator or phase that would call a model, the total, and which
    benchmarks are left out since their documents cannot be loaded.

    Documents are prepared first, where they are not as the settings say.
    Errors: UserError for benchmarks that are named, or any with --strict, if their documents cannot be loaded.
    """
    settings = load_settings()
    names = [room.name for room in map(room_named, options.benchmarks)] or [room.name for room in rooms()]
    reasons = prepare(names, settings, options.strict or bool(options.benchmarks))
    planned = plan([name for name in names if name not in reasons], settings)
    sys.stdout.write(render(planned, settings) + left_out_lines(reasons))


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
    unpriced = sorted({line.model for line in calling if line.usd is None})
    if unpriced:
        text += f"no price in params endpoints.*.prices for: {', '.join(unpriced)}\n"
    return text + _budget(sum(line.usd or 0.0 for line in calling), bool(unpriced), settings)


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
