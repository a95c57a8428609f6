"""`diziner new NAME --from FILE`: a room for your own texts, ready for the next `dvc repro`."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from diziner.commands.documents import write_room_sources
from diziner.commands.starts import without_terse_start
from diziner.commands.weights import not_here
from diziner.common.errors import UserError
from diziner.common.files import check, read_text, write_jsonl, write_text
from diziner.common.options import number
from diziner.common.words import counted
from diziner.common.yamlfile import dump_yaml, write_yaml
from diziner.corpora.newroom import TEXTS_FILE, OwnTexts, document_rows, new_card, new_guideline, read_own_texts
from diziner.corpora.pins import pins_text
from diziner.forms.options import add_form_options, chosen
from diziner.guideline.file import dump_guideline
from diziner.layout import DATA, PIPELINE, RICH, STARTS, TERSE, Room, rooms
from diziner.pipeline.arguments import given_path
from diziner.records.guideline import Goal
from diziner.settings import EVERY_OTHER, Settings, load_settings
from diziner.spans.overlaps import are_flat
from diziner.spans.widened import EXAMPLES, widened_spans

_HEADER = """\
# Fill in: what the documents are, what each type is and is not, examples to mark and not to mark, and under
# `examples` a few whole sentences such as "[Ada Lovelace|PER] lived in [London|LOC] ." (tokens apart by spaces).
"""
_TERSE_HEADER = (
    "# What round 0 begins with while guideline.start is terse: fill in a line a type, and a sentence as goal.\n"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    kinds = "of any form of docs/forms.md, such as plain text, JSON Lines, CoNLL columns; with or without gold"
    add("name", metavar="NAME", help="lower-case letters, digits and _; becomes data/NAME")
    add("--from", dest="texts", type=given_path, required=True, metavar="FILE", help=kinds)
    add("--test", type=given_path, metavar="FILE", help="the test documents; else a share of FILE")
    add(
        "--test-share",
        type=number("--test-share", 0, 1, open_below=True, open_above=True),
        default=0.3,
        metavar="SHARE",
        help="share of FILE to test on (default 0.3)",
    )
    add("--types", default="", metavar="A,B", help="labels; those of the gold, if none are given")
    add("--goal", default="", help="what the documents are, in a sentence")
    add("--skip-bad", action="store_true", help="leave bad rows out and list them in data/NAME/rejected.jsonl")
    add_form_options(parser, given_path)
    parser.epilog = "example: diziner new letters --from letters.txt --types PER,LOC && diziner repro"


def run(options: argparse.Namespace) -> None:
    """Make the room, whole or not at all.

    Errors: UserError for a bad name, a room that exists, bad texts, and too few of them for the settings.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", options.name):
        raise UserError(f"name {options.name!r}: use lower-case letters, digits and _, with a letter first")
    if options.name == EVERY_OTHER:
        raise UserError(f"name {options.name!r}: stands for all other benchmarks in corpus.source; choose another name")
    room = Room(options.name)
    if room.folder.exists():
        raise UserError(f"{room.folder} is there already; choose another name or remove it")
    settings = load_settings()
    types = [label.strip() for label in options.types.split(",") if label.strip()]
    seed = settings.corpus.seed
    texts = read_own_texts(
        options.name, options.texts, options.test, types, options.test_share, seed, options.skip_bad, chosen(options)
    )
    pool = _enough(texts, settings, options.texts)
    DATA.mkdir(exist_ok=True)  # none in a project without benchmarks
    with tempfile.TemporaryDirectory(dir=DATA, prefix=".new-") as above:
        # One folder further down than rooms are: nothing takes it for a room until it is renamed, whole.
        folder = Path(above) / options.name
        _fill(folder, options.name, texts, options.goal, settings.start)
        folder.rename(room.folder)
    write_room_sources(settings)
    _say(room, texts, settings)
    lacking = without_terse_start(room.folder)
    sys.stdout.write(
        _drawn(pool, len(texts.test), settings)
        + (f"{room.folder}: {lacking}\n" if lacking else "")
        + _to_fill_in(room, settings)
        + _next(room, settings)
    )


def _sets(settings: Settings) -> int:
    return settings.corpus.rounds if settings.corpus.pilot_mode == "fresh" else 1


def _enough(texts: OwnTexts, settings: Settings, path: Path) -> int:
    """Return how many documents pilot sets are drawn from: those that differ, and are not in the test split."""
    sets = _sets(settings)
    held_out = {each.document.tokens for each in texts.test}
    usable = len({each.document.tokens for each in texts.pilot} - held_out)
    wanted = settings.corpus.pilot_size
    if usable < sets * wanted:
        raise UserError(
            f"{path}: {counted(usable, 'different document')} left for pilot sets, the settings ask for {sets} x "
            f"{wanted}; give more, or lower corpus.pilot.documents or set corpus.pilot.mode to fixed in params.yaml"
        )
    return usable


def _fill(folder: Path, name: str, texts: OwnTexts, goal: str, start: str) -> None:
    card = new_card(name, texts)
    check(card, "benchmark", "card")
    write_yaml(folder / "benchmark.yaml", dump_yaml(card, width=80))
    guideline = new_guideline(name, texts.types, goal)
    write_yaml(folder / STARTS[RICH], _HEADER + dump_guideline(guideline))
    if start == TERSE:
        brief = replace(guideline, goal=Goal("", goal or guideline.goal.purpose, "", ""))
        write_yaml(folder / STARTS[TERSE], _TERSE_HEADER + dump_guideline(brief))
    write_jsonl(folder / TEXTS_FILE, document_rows(texts))
    if texts.rejected:
        write_jsonl(folder / "rejected.jsonl", texts.rejected)
    write_yaml(folder / "pilots.yaml", pins_text(name, "", []))
    write_text(folder / "dvc.yaml", read_text(PIPELINE))


def _say(room: Room, texts: OwnTexts, settings: Settings) -> None:
    gold = sum(each.spans is not None for each in (*texts.pilot, *texts.test))
    left_out = f", {counted(len(texts.rejected), 'bad row')} left out (rejected.jsonl)" if texts.rejected else ""
    repairs = f", {counted(texts.repairs, 'repair')}" if texts.repairs else ""
    inside = [
        each
        for own in (*texts.pilot, *texts.test)
        for each in widened_spans(own.document, own.spans or (), own.characters)
    ]
    shown = ", ".join(f"{each.text!r} in {each.tokens!r}" for each in inside[:EXAMPLES])
    widened = f", {counted(len(inside), 'mention')} inside tokens, scored by these ({shown})" if inside else ""
    for said in texts.said:
        sys.stdout.write(f"read as {said}\n")
    if not settings.corpus.nested and not all(are_flat(each.spans or ()) for each in (*texts.pilot, *texts.test)):
        sys.stdout.write(
            "some mentions overlap others, and params corpus.nested is not set: the pipeline will leave the shorter "
            "ones out; `diziner use PROFILE --with nested` keeps them (docs/nested.md)\n"
        )
    sys.stdout.write(
        f"{room.folder}: {counted(len(texts.pilot), 'document')} for pilot sets, {len(texts.test)} to test on, {gold} "
        f"with gold{repairs}{widened}{left_out}; types: {', '.join(texts.types)}\n"
    )


def _drawn(pool: int, test: int, settings: Settings) -> str:
    """Return how many documents a run draws of how many."""
    sets, size = _sets(settings), settings.corpus.pilot_size
    how = f"{sets} rounds x {size}" if sets > 1 else "one set for all rounds"
    most = settings.corpus.test_size
    return (
        f"A run draws {sets * size} of {counted(pool, 'different document')} for pilot sets ({how}), and tests on "
        f"{test if most is None else min(most, test)} of {test}; corpus.pilot and corpus.test in params.yaml say so.\n"
    )


def _to_fill_in(room: Room, settings: Settings) -> str:
    return (
        f"Fill in {room.guideline(0, settings.start)}, since models know no more than it says:\n"
        "  goal: what the documents are, what the annotation is for, what counts as a mention\n"
        "  types: of each its definition, what is one (positive) and what is not (negative)\n"
        "  examples: a few sentences in brackets, best your own, never from the test documents\n"
    )


def _next(room: Room, settings: Settings) -> str:
    """Return the next three commands."""
    target = "" if [each.name for each in rooms()] == [room.name] else f" {room.name}"
    steps = [(f"diziner plan{target}", "what a run asks of models, and what that costs")]
    steps += [(f"diziner repro{target}", "the run"), ("diziner report --open", "what came of it, as a page")]
    if lacking := not_here(settings.weights_in_use, settings):
        fetch = f"weights of {', '.join(lacking)}; or a server's models: `diziner use --endpoint URL`"
        steps = [("diziner weights fetch", fetch), *steps[:2]]
    width = max(len(command) for command, _ in steps)
    return "Then:\n" + "".join(f"  {command:{width}}  # {what}\n" for command, what in steps)
