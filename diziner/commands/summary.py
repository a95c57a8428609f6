"""`diziner summary`: the table of all rooms, each by its own metrics, with the state that these are in."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from diziner.commands.standings import Standings, as_json, standings
from diziner.commands.targets import linked_rooms
from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.common.freshness import SOUND, State
from diziner.common.tables import fitted_lines, width_of
from diziner.common.yamlfile import read_yaml
from diziner.layout import CORRELATION, PUBLISHED, ROOM_SOURCES, SUMMARY, Room, rooms
from diziner.records.annotations import LEFT_OUT
from diziner.results.paper_table import paper_json, paper_lines
from diziner.results.published import published_of
from diziner.results.room_metrics import figures_in, read_room_metrics, usage_in
from diziner.results.summary import summarise
from diziner.results.summary_table import correlation_line, correlation_table, paper_table, published_table, table
from diziner.results.usage import usd_of
from diziner.settings import Settings, load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--published", action="store_true", help="published values of these benchmarks, below")
    parser.add_argument(
        "--paper", action="store_true", help="the paper's table with this run in it, and the abstract's claims by it"
    )
    parser.add_argument("--correlation", action="store_true", help="of agreement with F1 by benchmark, below")
    parser.add_argument("--json", action="store_true", help="JSON, with everything")
    parser.epilog = "example: diziner summary --paper"


def run(options: argparse.Namespace) -> None:
    """Print the table, fitted to the terminal ($COLUMNS, if set).

    One room that failed or whose metrics cannot be read costs its own row. Errors: UserError if nothing has been run
    yet.
    """
    linked_rooms()
    settings = load_settings()
    found, unread = _figures(settings)
    states = standings(settings)
    names = [row["benchmark"] for row in found["benchmarks"]]
    others = states.beside(names)
    if not names and all(states.of(name).state is State.NOT_RUN for name in others):
        raise UserError("nothing has been run yet: `diziner repro` runs all rooms, `diziner repro ROOM` one")
    words = _words(states, names, others, unread)
    if options.paper:
        _paper(found, settings, options.json, words)
        return
    sums_up = states.summary.state in SOUND
    # A run of an earlier version has no correlations, an own project may have no published values.
    wanted = options.correlation or (sums_up and CORRELATION.is_file())
    correlation = read_json(CORRELATION, "correlation") if wanted else None
    published = read_yaml(PUBLISHED, "published") if options.published or PUBLISHED.is_file() else None
    if options.json:
        shown = _joined(found, names, published if options.published else None)
        shown |= {} if correlation is None else {"correlation": correlation}
        shown["states"] = {name: as_json(states.of(name)) for name in (*names, *others)}
        shown["states"][""] = as_json(states.summary)
        sys.stdout.write(json.dumps(shown, indent=2, sort_keys=True) + "\n")
        return
    width = width_of(sys.stdout)
    column = {name: states.of(name).state.value for name in names}
    if set(column.values()) <= {State.CURRENT.value}:
        column = {}
    if names:
        sys.stdout.write(table(found, width, settings.no_models, column))
    lines = [*words, *_left_out(names)]
    if not sums_up and names:
        files = f"{SUMMARY}, {CORRELATION} and plots"
        lines.append(f"{files}, which `diziner repro` makes of all rooms: {states.summary}")
    sys.stdout.write(fitted_lines(lines, width))
    if correlation is not None and names:
        sys.stdout.write(correlation_line(correlation, published, width))
        if options.correlation:
            sys.stdout.write(correlation_table(correlation, published, width))
    if options.published and published is not None and names:
        sys.stdout.write(published_table(names, published, width))


def _figures(settings: Settings) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the summary of all rooms that have metrics, by these, and why those of others cannot be read."""
    metrics, usd, unread = {}, {}, {}
    for room in filter(Room.has_results, rooms()):
        try:
            found = read_room_metrics(room.final_metrics)
            metrics[room.name] = figures_in(found)
            usd[room.name] = usd_of(usage_in(found), settings.endpoints)
        except UserError as error:
            metrics.pop(room.name, None)
            unread[room.name] = str(error)
    return summarise(metrics, usd), unread


def _words(states: Standings, names: Sequence[str], others: Sequence[str], unread: Mapping[str, str]) -> list[str]:
    """Return a line for each state other than current, and for each room that has no row."""
    lines = states.shown(name for name in names if states.of(name).state not in SOUND)
    lines += [f"not in the table: {line}" for line in states.shown(name for name in others if name not in unread)]
    lines += [f"not in the table: {name} ({states.of(name).state.value}): {why}" for name, why in unread.items()]
    unrun = [name for name in others if states.of(name).state is State.NOT_RUN]
    return lines + ([f"`diziner plan {unrun[0]}` says what {unrun[0]} lacks"] if unrun else [])


def _paper(summary: dict[str, Any], settings: Settings, json_form: bool, words: Sequence[str]) -> None:
    """Print the paper's table."""
    published = read_yaml(PUBLISHED, "published")
    sources = {row["benchmark"]: _source(Room(row["benchmark"]), settings) for row in summary["benchmarks"]}
    lines = paper_lines(summary, published, sources)
    if json_form:
        sys.stdout.write(json.dumps(paper_json(lines, published), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    else:
        width = width_of(sys.stdout)
        sys.stdout.write(paper_table(lines, published, width) + fitted_lines(words, width))


def _source(room: Room, settings: Settings) -> str:
    """Return where the documents of the last run came from: what its manifest says, or, where a fresh clone has none,
    what DVC has written down of the run; settings, which may have changed since, come last."""
    if room.manifest.is_file():
        return str(read_json(room.manifest, "manifest").get("source", ""))
    lock = room.folder / "dvc.lock"
    stages = read_yaml(lock).get("stages", {}) if lock.is_file() else {}
    recorded = stages.get("corpus", {}).get("params", {}).get(str(ROOM_SOURCES), {}).get(room.name)
    if recorded:
        return str(recorded["source"])
    return settings.source(room.name)


def _left_out(names: Sequence[str]) -> list[str]:
    """Return a line on annotators that were not asked in some round; nothing if all were, or outputs are not here."""
    rounds = Counter[str]()
    for name in names:
        for path in sorted(Room(name).folder.glob("rounds/r*/tallies/*.json")):
            counts = read_json(path, "tally")
            rounds[path.stem] += counts["failures"].get(LEFT_OUT) == counts["documents"]
    parts = [
        f"{annotator} in {count} round{'s' if count > 1 else ''}" for annotator, count in sorted((+rounds).items())
    ]
    return [f"left out (by the guideline, or its model is gone: report.html): {', '.join(parts)}"] if parts else []


def _joined(summary: dict[str, Any], names: list[str], published: dict[str, Any] | None) -> dict[str, Any]:
    if published is None:
        return summary
    values = {name: {slot: asdict(value) for slot, value in published_of(name, published).items()} for name in names}
    return {**summary, "published": {"f1_percent": values, "sources": published["sources"]}}
