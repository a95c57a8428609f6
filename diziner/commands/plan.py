"""`diziner plan`: what a run would ask of models and what that costs, before anything is spent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from diziner.commands.documents import left_out_lines, prepare
from diziner.commands.targets import linked_rooms
from diziner.commands.weights import not_here
from diziner.common.errors import UserError
from diziner.common.options import number, whole
from diziner.common.tables import UNBOUNDED, Column, fitted_lines, fitted_table, left_out_note, width_of
from diziner.common.yamlfile import read_yaml
from diziner.compare.comparison import SIGNIFICANCE
from diziner.compare.sample_size import basis_of, sample_sizes, sizes_text
from diziner.layout import PUBLISHED, room_named, store_path
from diziner.llm import ledger
from diziner.llm.access import asker_for
from diziner.llm.batch_prices import batch_modes, share_in_batches
from diziner.llm.batches import open_batches
from diziner.llm.store import ResponseStore
from diziner.rehearsal.asker import SUPERVISOR, Planned, Rehearser
from diziner.rehearsal.rehearse import ask_first, rehearse
from diziner.rehearsal.window import said_of
from diziner.scoring.power import POWER
from diziner.settings import Settings, load_settings

# The plan's columns: those with a high number are the first to be left out on a narrow terminal.
_COLUMNS = {"work": 0, "model": 4, "calls": 0, "in store": 5, "tokens in": 2, "tokens out": 3, "USD": 1}
_BATCHES = "in batches", 6


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all with a pipeline, if none is given")
    parser.add_argument(
        "--ask",
        type=whole("--ask", 0, 1_000_000),
        default=0,
        metavar="N",
        help="before, ask for N documents of the first benchmark in earnest; a run does not ask for them again",
    )
    parser.add_argument("--strict", action="store_true", help="fail if a benchmark's documents cannot be loaded")
    parser.add_argument(
        "--detect",
        type=number("--detect", 0, 1, open_below=True, open_above=True, hint="0.02 is two points of F1"),
        metavar="CHANGE",
        help="instead: how many test documents show a change of F1 of this size, such as 0.02",
    )
    parser.add_argument(
        "--power",
        type=number("--power", 0.5, 1, open_above=True, hint="0.8 is usual"),
        metavar="P",
        help="with --detect: with this probability; 0.8",
    )
    parser.add_argument(
        "--correlation",
        type=number("--correlation", -1, 1, open_below=True, open_above=True),
        metavar="R",
        help="with --detect: of the errors of two runs over documents, where they are not known; 0.5",
    )
    parser.epilog = "examples: diziner plan conll2003; diziner plan --detect 0.02 --power 0.8"


def run(options: argparse.Namespace) -> None:
    """Print a line for each benchmark, round and annotator or phase that would call a model, the total, and which
    benchmarks are left out since their documents cannot be loaded; or how many test documents a change needs.

    Documents are prepared first, where they are not as the settings say.
    Errors: UserError for benchmarks that are named, or any with --strict, if their documents cannot be loaded; for a
    change, power or correlation that cannot be.
    """
    settings = load_settings()
    names = [room.name for room in map(room_named, options.benchmarks)] or [room.name for room in linked_rooms()]
    if options.detect is not None or options.power is not None or options.correlation is not None:
        sys.stdout.write(_sample_sizes(names, options.detect, options.power, options.correlation))
        return
    reasons = prepare(names, settings, options.strict or bool(options.benchmarks))
    names = [name for name in names if name not in reasons]
    if not names:
        sys.stdout.write(left_out_lines(reasons) + _NOTHING)
        return
    if options.ask and names:
        room = room_named(names[0])
        gone = ask_first(room, settings, asker_for(settings, room, at_once=True), options.ask)
        sys.stdout.write("".join(f"{line}\n" for line in gone))
    width = width_of(sys.stdout)
    text = render(plan(names, settings), settings, width)
    sys.stdout.write(text + fitted_lines(left_out_lines(reasons).splitlines(), width))


_NOTHING = "nothing to plan: no benchmark's documents can be loaded; the lines above say what each lacks\n"


def _sample_sizes(names: Sequence[str], change: float | None, power: float | None, correlation: float | None) -> str:
    if change is None:
        raise UserError("--power and --correlation go with --detect CHANGE, such as --detect 0.02")
    power = POWER if power is None else power
    published = read_yaml(PUBLISHED, "published") if PUBLISHED.is_file() else None
    bases = {name: basis_of(room_named(name), published, correlation) for name in names}
    found = sample_sizes(bases, change, power, SIGNIFICANCE)
    return sizes_text(found, change, power, SIGNIFICANCE, correlation)


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


def render(planned: Sequence[Planned], settings: Settings, width: int = UNBOUNDED) -> str:
    """Return the plan for a terminal of a width."""
    calling = [line for line in planned if line.calls]
    modes = batch_modes(((line.endpoint, line.work) for line in calling), settings.endpoints)
    importance = _COLUMNS | dict([_BATCHES] if modes else [])

    def row(work: str, model: str, own: Sequence[Planned]) -> tuple[str, ...]:
        batched = [_in_batches(line, settings) for line in own]
        return *_row(work, model, own), *([_row(work, model, batched)[-1]] if modes else [])

    lines = [row(line.work, line.model, [line]) for line in calling]
    by_benchmark: dict[str, list[Planned]] = {}
    for one in planned:
        by_benchmark.setdefault(one.work.partition(" ")[0], []).append(one)
    sums = [row(f"{name} in all", "", own) for name, own in by_benchmark.items()] if len(by_benchmark) > 1 else []
    cells = zip(*[*lines, *sums, row("total", "", planned)], strict=True)
    columns = [Column(name, own, importance[name]) for name, own in zip(importance, cells, strict=True)]
    table, left_out = fitted_table(columns, width)
    text = "".join(f"{line}\n" for line in left_out_note(left_out, width, has_json=False))
    text += (
        "prompts and answers of later rounds are estimates, by scripted stand-ins; answers are as long as those "
        "of the same model in the store, else as the stand-ins'; repair turns and retries come on top\n"
    )
    text += "".join(f"{sentence}\n" for sentence in modes)
    local = {line.model for line in calling if line.endpoint in settings.local_endpoints}
    if lacking := not_here(local, settings):
        text += f"weights that are not on this machine: `diziner weights fetch {' '.join(lacking)}` before the run\n"
    text += _waiting(len(calling)) + _prices(calling) + _unseen(calling)
    for line in said_of(((line.window, line.too_long) for line in planned), settings.answers.chunk_tokens):
        text += f"{line}\n"
    text += _budget(sum(line.usd or 0.0 for line in calling), any(line.usd is None for line in calling), settings)
    return table + fitted_lines(text.splitlines(), width)


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
    """Return what is to be said of models that reason, while nobody knows how long: what the sum lacks, the most that
    it can be, and what tells of it, which for a supervisor is a refinement."""
    lines = [line for line in calling if line.unseen]
    if not lines:
        return ""
    more = sum((line.most_usd or 0.0) - (line.usd or 0.0) for line in lines)
    models = ", ".join(sorted({line.model for line in lines}))
    refining = {line.model: line.work.partition(" ")[0] for line in reversed(lines) if SUPERVISOR in line.work}
    ways = []
    if any(SUPERVISOR not in line.work for line in lines):
        ways.append("`diziner plan --ask 3`, which asks three documents of each annotator")
    ways += [
        f"the first refinement for the supervisor, {model}: `diziner repro {name}`" for model, name in refining.items()
    ]
    return (
        f"the sum is without the reasoning of {models}, of which no answer tells yet; it costs USD {more:.2f} at most, "
        f"with every answer as long as max_tokens allows; plan again after {' and '.join(ways)}\n"
    )


def _in_batches(line: Planned, settings: Settings) -> Planned:
    """Return a line with the price it has in batches."""
    endpoint = settings.endpoints.get(line.endpoint)
    share = share_in_batches(endpoint, line.work) if endpoint else 1.0
    return line if line.usd is None else replace(line, usd=line.usd * share)


def _waiting(works: int) -> str:
    """Return a line about what is in batches already."""
    store = ResponseStore(store_path())
    rows = store.read(open_batches) if works and store.path.exists() else []
    waiting = sum(row.requests for row in rows)
    return f"{waiting} of these requests are in batches already: `diziner batch status`\n" if rows else ""


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
