"""`diziner status`: whether each room's figures are those of what is in the project now, and if not, why."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from diziner.commands.standings import Standings, as_json, standings
from diziner.common.freshness import Standing, State
from diziner.common.tables import text_table, width_of, wrapped
from diziner.layout import room_named
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("rooms", metavar="ROOM", nargs="*", help="with all reasons; every room in short, if none")
    parser.add_argument("--json", action="store_true", help="JSON, with all reasons")
    parser.epilog = "example: diziner status conll2003. It asks no model, runs nothing and changes nothing."


def run(options: argparse.Namespace) -> None:
    """Print the states. Errors: UserError for no such room, and settings that are wrong."""
    found = standings(load_settings())
    names = [room_named(name).name for name in options.rooms] or list(found.rooms)
    if options.json:
        shown = {name: as_json(found.of(name)) for name in names}
        value = {"rooms": shown, "summary": as_json(found.summary)}
        sys.stdout.write(json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2) + "\n")
    elif options.rooms:
        for name in names:
            standing = found.of(name)
            sys.stdout.write("".join(f"{line}\n" for line in (f"{name}: {standing.state.value}", *_reasons(standing))))
    else:
        sys.stdout.write(_table(found))


def _reasons(standing: Standing) -> list[str]:
    return [f"  {reason}" for reason in standing.reasons]


def _table(found: Standings) -> str:
    counts = Counter(standing.state for standing in found.rooms.values())
    rows = [
        (name, standing.state.value, str(standing).partition(": ")[2])
        for name, standing in found.rooms.items()
        if standing.state is not State.UNLINKED
    ]
    width = width_of(sys.stdout)
    table, why = text_table(("room", "state", "why"), rows) if rows else "", []
    if max(map(len, table.splitlines()), default=0) > width:
        # No place for reasons beside the rooms: below, once for all that have them.
        table, why = text_table(("room", "state"), [row[:2] for row in rows]), found.shown(row[0] for row in rows)
    said = ", ".join(f"{count} {state.value}" for state, count in sorted(counts.items(), key=lambda one: one[0].value))
    last = f"{said or 'no room'}; metrics/summary.json, plots and correlations: {found.summary}"
    return table + wrapped([*why, last], width)
