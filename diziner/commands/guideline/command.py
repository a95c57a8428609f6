"""`diziner guideline diff|verify`: what changed between two guidelines; does every line show what caused it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys

from diziner.commands.guideline.named import FORMS, named, named_guideline
from diziner.commands.guideline.terminal import change_text
from diziner.commands.guideline.verify import verify_room
from diziner.commands.guideline.wording import change_json, change_markdown
from diziner.common.errors import UserError
from diziner.guideline.changes import compare_guidelines
from diziner.layout import room_named, rooms
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    diff = actions.add_parser("diff", help="show what changed from one guideline to another")
    diff.add_argument("before", metavar="A", type=named, help=FORMS)
    diff.add_argument("after", metavar="B", type=named, help="the same forms")
    form = diff.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything, as data")
    form.add_argument("--md", action="store_true", help="what changed, for a pull request")
    form.add_argument("--all", action="store_true", help="unchanged lines of every part, too")
    verify = actions.add_parser("verify", help="check that every receipt leads to what it names")
    verify.add_argument("benchmarks", metavar="BENCHMARK", nargs="*", help="all with a pipeline, if none is given")
    parser.epilog = "example: diziner guideline diff conll2003:0 conll2003:1"


def run(options: argparse.Namespace) -> None:
    """Run the chosen action."""
    if options.action == "verify":
        verify(options.benchmarks)
        return
    change = compare_guidelines(named_guideline(options.before), named_guideline(options.after))
    if options.json:
        data = change_json(change, [options.before.word, options.after.word])
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n")
    elif options.md:
        sys.stdout.write(change_markdown(change))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        sys.stdout.write(change_text(change, shutil.get_terminal_size().columns, colour, options.all))


def verify(benchmarks: list[str]) -> None:
    """Print a line for each problem, and one for each benchmark without.

    Errors: UserError, after these lines, if there was a problem.
    """
    settings = load_settings()
    places = [room_named(name) for name in dict.fromkeys(benchmarks)] or rooms()
    if not places:
        raise UserError("no benchmark is in the pipeline; put one in with `diziner data link BENCHMARK`")
    found = [verify_room(room, settings) for room in places]
    for verdict in found:
        for problem in verdict.problems:
            sys.stdout.write(f"{problem}\n")
        if not verdict.problems:
            sys.stdout.write(
                f"{verdict.benchmark}: {verdict.guidelines} guidelines, {verdict.receipts} receipts; every hotspot, "
                "document and response that they name is there\n"
            )
    if count := sum(len(verdict.problems) for verdict in found):
        wrong = ", ".join(verdict.benchmark for verdict in found if verdict.problems)
        raise UserError(f"{count} problem{'s' if count > 1 else ''} with the guidelines of {wrong}")
