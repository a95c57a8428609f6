"""`diziner report`: build report.html from the outputs there are, without DVC."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from diziner.commands.standings import standings
from diziner.common.errors import UserError
from diziner.layout import REPORT
from diziner.llm.recorded import texts_at_hand
from diziner.report.build import build_report
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument("--to", metavar="FILE", type=lambda word: Path(word).absolute(), help="write it there instead")
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument(
        "--text",
        dest="text",
        action="store_true",
        default=None,
        help="hold the documents' texts, of benchmarks whose licence forbids to pass them on too",
    )
    texts.add_argument("--no-text", dest="text", action="store_false", help="hold no texts of documents at all")
    parser.epilog = "example: diziner report --open"


def run(options: argparse.Namespace) -> None:
    """Write the report and say where it is.

    Errors: UserError if there is no benchmark, or the file cannot be written.
    """
    target = options.to or REPORT
    try:
        found = standings(load_settings())
        size, faults = build_report(target, texts_at_hand, found.rooms, show_text=options.text)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}; give a file with --to FILE") from None
    sys.stdout.write(f"{target}: {size / 1e6:.1f} MB\n")
    lines = [f"not in it: {fault}" for fault in faults]
    lines += found.shown(found.beside(()))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if options.open and not webbrowser.open(target.absolute().as_uri()):
        sys.stderr.write("no browser was found; open the file yourself\n")
