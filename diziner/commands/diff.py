"""`diziner diff`: which scores moved between two revisions, by more than noise or not, and what else changed."""

from __future__ import annotations

import argparse
import json
import sys

from diziner.compare.comparison import compare_all
from diziner.compare.load import lenient_sides
from diziner.compare.render import comparison_json, comparison_markdown, comparison_text
from diziner.compare.revisions import Revision, Snapshot, WorkTree
from diziner.compare.whatchanged import changes_between


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
    new: Snapshot = Revision(options.new) if options.new else WorkTree()
    rows = compare_all(lenient_sides(old), lenient_sides(new))
    changes = changes_between(old, new)
    if options.json:
        found = comparison_json(old.name, new.name, rows, changes)
        sys.stdout.write(json.dumps(found, ensure_ascii=False, sort_keys=True, indent=2) + "\n")
    else:
        render = comparison_markdown if options.md else comparison_text
        sys.stdout.write(render(old.name, new.name, rows, changes))
