"""`diziner data`: which benchmarks are at hand, are they what their cards say, and which are in the pipeline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stages.commands.paths import given_path
from stages.corpora.card import load_card
from stages.corpora.check import CheckRow, check_benchmark
from stages.errors import UserError
from stages.files import read_text, write_text
from stages.rooms import DATA, PIPELINE, Room, room, rooms
from stages.settings import load_settings
from stages.tables import text_table

_STATES = {"ok": "as the card says", "differs": "DIFFERS", "bad": "BAD", "missing": "not here"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    checking = actions.add_parser("check", help="load every benchmark that can be loaded and compare it with its card")
    checking.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all, if none is given")
    checking.add_argument(
        "--local",
        type=given_path,
        metavar="DIR",
        help="folder with a folder of files for each benchmark; else that of params",
    )
    linking = actions.add_parser(
        "link", help=f"put benchmarks into the pipeline; without names, renew it from {PIPELINE}"
    )
    linking.add_argument("benchmarks", metavar="BENCHMARK", nargs="*")
    unlinking = actions.add_parser("unlink", help="take benchmarks out of the pipeline")
    unlinking.add_argument("benchmarks", metavar="BENCHMARK", nargs="+")
    parser.epilog = "example: diziner data check --local ../benchmarks"


def run(options: argparse.Namespace) -> None:
    """Do the action."""
    if options.action == "check":
        check(options.benchmarks, options.local)
    else:
        places = [room(name) for name in options.benchmarks] or rooms()
        link(places, linked=options.action == "link")


def link(places: Sequence[Room], linked: bool) -> None:
    """Make benchmarks part of `dvc repro`, or not: a room is in the pipeline if it has a dvc.yaml."""
    for place in places:
        path = place.folder / "dvc.yaml"
        if linked:
            write_text(path, read_text(PIPELINE))
        else:
            path.unlink(missing_ok=True)
        sys.stdout.write(f"{place.name}: {'in' if linked else 'not in'} the pipeline\n")


def check(benchmarks: Sequence[str], given: Path | None) -> None:
    """Print a row for each benchmark, and a line of instruction for each that is not at hand.

    Errors: UserError, after the table, if a benchmark that was found is not as its card says.
    """
    named = load_settings().raw["corpus"]["local_dir"]
    local: Path | None = given or (Path(named) if named else None)
    if local is not None and not local.is_dir():
        raise UserError(f"{'--local' if given else 'params.yaml: corpus.local_dir:'} {local}: no such folder")
    places = [room(name) for name in benchmarks] or [
        Room(path.parent.name) for path in sorted(DATA.glob("*/benchmark.yaml"))
    ]
    cards = [load_card(place.folder) for place in places]
    rows = [check_benchmark(card, place.folder, local) for card, place in zip(cards, places, strict=True)]
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
