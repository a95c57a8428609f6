"""`diziner data check`: which benchmarks are at hand, and are they what their cards say?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stages.corpora.card import load_card
from stages.corpora.check import CheckRow, check_benchmark
from stages.errors import UserError
from stages.rooms import DATA, Room, room
from stages.tables import text_table

_STATES = {"ok": "as the card says", "differs": "DIFFERS", "bad": "BAD", "missing": "not here"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="load every benchmark that can be loaded and compare it with its card")
    check.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all, if none is given")
    check.add_argument("--local", type=Path, metavar="DIR", help="folder with <benchmark>/pilot.jsonl and test.jsonl")
    parser.epilog = "example: diziner data check --local ../benchmarks"


def run(options: argparse.Namespace) -> None:
    """Print a row for each benchmark, and a line of instruction for each that is not at hand.

    Errors: UserError, after the table, if a benchmark that was found is not as its card says.
    """
    if options.local is not None and not options.local.is_dir():
        raise UserError(f"--local {options.local}: no such folder")
    places = [room(name) for name in options.benchmarks] or [
        Room(path.parent.name) for path in sorted(DATA.glob("*/benchmark.yaml"))
    ]
    cards = [load_card(place.folder) for place in places]
    rows = [
        check_benchmark(card, place.folder, options.local)
        for card, place in zip(cards, places, strict=True)
        if card.local or card.hub
    ]
    sys.stdout.write(_table(rows))
    for row in rows:
        for note in row.notes:
            sys.stdout.write(f"{row.benchmark}: {note}\n")
    wrong = [row.benchmark for row in rows if row.state in {"differs", "bad"}]
    if wrong:
        raise UserError(f"not as their cards say: {', '.join(wrong)}")


def _table(rows: list[CheckRow]) -> str:
    head = ("benchmark", "found", "pilot", "test", "types", "mentions in test", "repairs", "licence")
    body = [
        (
            row.benchmark,
            _STATES[row.state] if row.checked or row.state != "ok" else "found, card has no counts",
            str(row.sentences.get("pilot", "-")),
            str(row.sentences.get("test", "-")),
            str(len(row.types["test"])) if row.types else "-",
            str(sum(row.types["test"].values())) if row.types else "-",
            str(row.repairs) if row.types else "-",
            row.licence if row.redistribute else f"{row.licence} (not to be passed on)",
        )
        for row in rows
    ]
    found = sum(row.state != "missing" for row in rows)
    return text_table(head, body) + f"{found} of {len(rows)} found\n"
