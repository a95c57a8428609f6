"""`diziner diff`: which scores moved between two revisions, by more than noise or not, and what else changed."""

from __future__ import annotations

import argparse
import json
import sys

from diziner.commands.standings import as_json, standings
from diziner.common.errors import UserError
from diziner.common.freshness import SOUND
from diziner.common.tables import width_of
from diziner.compare.comparison import compare_all
from diziner.compare.load import lenient_sides
from diziner.compare.render import comparison_json, comparison_markdown, comparison_text
from diziner.compare.revisions import Revision, Snapshot, WorkTree
from diziner.compare.whatchanged import changes_between
from diziner.settings import Settings, load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("old", metavar="A", nargs="?", default="HEAD", help="a branch, tag or commit; HEAD")
    parser.add_argument("new", metavar="B", nargs="?", help="another one; else the work tree")
    add_forms(parser)
    parser.epilog = "example: diziner diff main"


def add_forms(parser: argparse.ArgumentParser) -> None:
    """Add the options for the form of the output."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--md", action="store_true", help="Markdown, for a pull request")
    forms.add_argument("--json", action="store_true", help="JSON, with everything")


def run(options: argparse.Namespace) -> None:
    """Print the comparison. Never fails because of a score: that is the gate's work.

    Errors: UserError for what is no revision.
    """
    old = Revision(options.old)
    new: Snapshot = WorkTree() if options.new is None else Revision(options.new)
    unread: dict[str, str] = {}
    sides = [lenient_sides(old, unread), lenient_sides(new, unread)]
    before, after = ({name: side for name, side in own.items() if name not in unread} for own in sides)
    rows = compare_all(before, after)
    # What the work tree depends on may be others than its figures are of; a revision is as it was committed.
    found = standings(_settings()) if options.new is None else None
    names = [row.benchmark for row in rows]
    states = {name: found.of(name) for name in [*names, *found.beside(names)]} if found else {}
    changes = changes_between(old, new)
    if options.json:
        shown = comparison_json(old.name, new.name, rows, changes)
        shown |= {"states": {name: as_json(own) for name, own in states.items()}, "unread": unread}
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, sort_keys=True, indent=2) + "\n")
    else:
        told = [f"not compared: {why}" for _, why in sorted(unread.items())]
        if found:
            told += [f"no metrics in either: {line}" for line in found.shown({*found.beside(names)} - unread.keys())]
        if options.md:
            sys.stdout.write(comparison_markdown(old.name, new.name, rows, changes, states))
            sys.stdout.write("".join(f"\n{line}\n" for line in told))
        else:
            own = found.shown(name for name in names if found.of(name).state not in SOUND) if found else []
            width = width_of(sys.stdout)
            sys.stdout.write(comparison_text(old.name, new.name, rows, changes, states, [*own, *told], width))


def _settings() -> Settings | None:
    """Return the active settings; None where they are wrong, which keeps nobody from comparing."""
    try:
        return load_settings()
    except UserError:
        return None
