"""`diziner report`: build report.html from the outputs there are, without DVC."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from diziner.commands.standings import standings
from diziner.commands.targets import linked_rooms
from diziner.common.errors import UserError
from diziner.layout import REPORT
from diziner.llm.recorded import texts_at_hand
from diziner.report.build import build_report
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument("--to", metavar="FILE", type=lambda word: Path(word).absolute(), help="write it there instead")
    parser.epilog = "example: diziner report --open"


def run(options: argparse.Namespace) -> None:
    """Write the report and say where it is.

    Errors: UserError if there is no benchmark, or the file cannot be written.
    """
    linked_rooms()
    target = options.to or REPORT
    try:
        found = standings(load_settings())
        size, faults = build_report(target, texts_at_hand, found.rooms)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}; give a file with --to FILE") from None
    sys.stdout.write(f"{target}: {size / 1e6:.1f} MB\n")
    lines = [f"not in it: {fault}" for fault in faults]
    lines += found.shown(found.beside(()))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if options.open and not webbrowser.open(target.absolute().as_uri()):
        sys.stderr.write("no browser was found; open the file yourself\n")
