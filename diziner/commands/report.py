"""`diziner report`: build report.html from the outputs there are, without DVC."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from diziner.commands.standings import standings
from diziner.commands.targets import linked_rooms
from diziner.common.errors import UserError
from diziner.compare.revisions import commit_here
from diziner.compare.side_by_side import side_by_side, snapshot_named
from diziner.layout import REPORT
from diziner.llm.recorded import texts_at_hand
from diziner.report.build import build_report
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument("--to", metavar="FILE", type=lambda word: Path(word).absolute(), help="write it there instead")
    parser.add_argument(
        "--against", metavar="RUN", help="another run beside this one: a revision, or a project's folder"
    )
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument(
        "--text",
        dest="text",
        action="store_true",
        default=None,
        help="hold the documents' texts, of benchmarks whose licence forbids to pass them on too",
    )
    texts.add_argument("--no-text", dest="text", action="store_false", help="hold no texts of documents at all")
    parser.epilog = (
        "example: diziner report --open\n"
        "A copy to pass on, with another run beside it: diziner report --to run.html --against main"
    )


def run(options: argparse.Namespace) -> None:
    """Write the report and say where it is. A copy, written elsewhere, says what commit it is of.

    Errors: UserError if there is no benchmark, or the file cannot be written; and for a page of another content without
    a file of its own, for report.html is what the pipeline makes.
    """
    linked_rooms()
    for word, given in (("--against", options.against), ("--text and --no-text", options.text)):
        if given is not None and options.to is None:
            raise UserError(f"{word}: say with --to FILE where to; {REPORT} stays what the pipeline makes")
    target = options.to or REPORT
    other = side_by_side(snapshot_named(options.against)) if options.against is not None else None
    commit = commit_here() if options.to else None
    try:
        found = standings(load_settings())
        size, faults = build_report(
            target, texts_at_hand, found.rooms, commit=commit, show_text=options.text, comparison=other
        )
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}; give a file with --to FILE") from None
    sys.stdout.write(f"{target}: {size / 1e6:.1f} MB\n")
    lines = [f"not in it: {fault}" for fault in faults]
    lines += found.shown(found.beside(()))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if options.open and not webbrowser.open(target.absolute().as_uri()):
        sys.stderr.write("no browser was found; open the file yourself\n")
