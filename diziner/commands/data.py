"""`diziner data`: which benchmarks are at hand, are they what their cards say, and which are in the pipeline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from diziner.commands import originals
from diziner.commands.documents import write_room_sources
from diziner.commands.starts import difference_of_starts, without_terse_start
from diziner.common.errors import UserError
from diziner.common.files import read_text, write_text
from diziner.common.tables import text_table
from diziner.common.words import counted
from diziner.common.yamlfile import write_yaml
from diziner.corpora.card import load_card
from diziner.corpora.check import CheckRow, check_benchmark
from diziner.corpora.pins import Pins, pins_text, pool_digest, read_pins
from diziner.corpora.prepare import drawn_sets, pool_of
from diziner.corpora.sources import load_source, source_of
from diziner.layout import DATA, PIPELINE, ROOT_PIPELINE, Room, room_named, rooms
from diziner.pipeline.arguments import given_path
from diziner.pipeline.code import code_behind, plug_ins_behind, stage_scripts, with_always
from diziner.settings import load_settings

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
    linking.add_argument("--only", action="store_true", help="these alone: take all others out of the pipeline")
    unlinking = actions.add_parser("unlink", help="take benchmarks out of the pipeline")
    unlinking.add_argument("benchmarks", metavar="BENCHMARK", nargs="+")
    originals.arguments(actions.add_parser("convert", help="make local files of a benchmark's original ones"))
    publishing = actions.add_parser("pilots", help="show a benchmark's pilot sets, drawn anew; publish them")
    publishing.add_argument("benchmark", metavar="BENCHMARK")
    publishing.add_argument("--write", action="store_true", help="into data/BENCHMARK/pilots.yaml")
    parser.epilog = "example: diziner data check --local ../benchmarks"


def run(options: argparse.Namespace) -> None:
    """Run the chosen action."""
    if options.action == "check":
        check(options.benchmarks, options.local)
    elif options.action == "convert":
        originals.run(options)
    elif options.action == "pilots":
        pilots(room_named(options.benchmark), options.write)
    else:
        chosen_rooms = [room_named(name) for name in options.benchmarks] or rooms()
        linked = options.action == "link"
        if linked and options.only:
            if not options.benchmarks:
                raise UserError("--only: which? `diziner data link --only NAME…`")
            link([room for room in rooms() if room not in chosen_rooms], linked=False)
        link(chosen_rooms, linked=linked)
        write_room_sources(load_settings())
        follow_plug_ins()


def follow_plug_ins() -> None:
    """Have the digests of code computed each time if plug-ins are in use, whose code DVC does not see."""
    names, scripts = load_settings().plug_ins, stage_scripts().values()
    used = any(plug_ins_behind(code_behind(script), names) for script in scripts)
    text = read_text(ROOT_PIPELINE)
    changed = with_always(text, used)
    if changed != text:
        write_text(ROOT_PIPELINE, changed)
        sys.stdout.write(f"{ROOT_PIPELINE}: plug-ins are {'' if used else 'not '}in use\n")


def link(chosen_rooms: Sequence[Room], linked: bool) -> None:
    """Make benchmarks part of `dvc repro`, or not: a room is in the pipeline if it has a dvc.yaml."""
    for room in chosen_rooms:
        path = room.folder / "dvc.yaml"
        if linked:
            write_text(path, read_text(PIPELINE))
            if not room.pins.exists():  # a room of an earlier version: its pipeline depends on the file
                write_yaml(room.pins, pins_text(room.name, "", []))
        else:
            path.unlink(missing_ok=True)
        sys.stdout.write(f"{room.name}: {'in' if linked else 'not in'} the pipeline\n")


def pilots(room: Room, write: bool) -> None:
    """Print the pilot sets that the settings draw, a line a round, and whether these are published; publish them.

    Errors: UserError for data that is not at hand, and what no sets can be drawn from.
    """
    project = load_settings()
    card = load_card(room.folder)
    settings, source = project.corpus, source_of(card, project.source(room.name))
    pool = pool_of(load_source(card, room.folder, source, project.local_dir, nested=settings.nested))
    sets = drawn_sets(pool, settings)[: 1 if settings.pilot_mode == "fixed" else None]
    drawn = Pins(pool_digest(pool), tuple(tuple(document.id for document in chosen) for chosen in sets), str(room.pins))
    for number, ids in enumerate(drawn.rounds):
        sys.stdout.write(f"round {number}: {' '.join(ids)}\n")
    if write:
        write_yaml(room.pins, pins_text(room.name, drawn.pool, drawn.rounds))
    published = read_pins(room.pins)
    state = "no sets" if not published.rounds else "these sets" if published == drawn else "other sets"
    sys.stdout.write(
        f"{len(drawn.rounds)} x {settings.pilot_size} of {counted(len(pool), 'document')} of the pool "
        f"{drawn.pool[:12]} ({settings.pilot_method}, {settings.embedder}, seed {settings.seed}); {room.pins} "
        f"publishes {state}\n"
    )


def check(benchmarks: Sequence[str], given: Path | None) -> None:
    """Print a row for each benchmark, and a line of instruction for each that is not at hand.

    Errors: UserError, after the table, if a benchmark that was found is not as its card says, or if a room's two
    guidelines are not of the same types.
    """
    settings = load_settings()
    local: Path | None = given or settings.local_dir
    if given is not None and not given.is_dir():
        raise UserError(f"--local {given}: no such folder")
    chosen_rooms = [room_named(name) for name in benchmarks] or [
        Room(path.parent.name) for path in sorted(DATA.glob("*/benchmark.yaml"))
    ]
    cards = [load_card(room.folder) for room in chosen_rooms]
    nested = settings.corpus.nested
    rows = [check_benchmark(card, room.folder, local, nested) for card, room in zip(cards, chosen_rooms, strict=True)]
    sys.stdout.write(_table(rows))
    for row, room in zip(rows, chosen_rooms, strict=True):
        for note in [*row.notes, *filter(None, [without_terse_start(room.folder)])]:
            sys.stdout.write(f"{row.benchmark}: {note}\n")
    wrong = [row.benchmark for row in rows if row.state in {"differs", "bad"}]
    if wrong:
        raise UserError(f"not as their cards say: {', '.join(wrong)}")
    for room in chosen_rooms:
        if difference := difference_of_starts(room.folder):
            raise UserError(difference)


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
