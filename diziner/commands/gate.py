"""`diziner gate`: fail if scores got worse by more than is allowed and more than noise, or cannot be trusted."""

from __future__ import annotations

import argparse
import json
import sys

from diziner.commands.diff import add_forms
from diziner.commands.gate_files import KINDS, set_up
from diziner.commands.standings import as_json, standings
from diziner.commands.verify import verify
from diziner.common.errors import DizinerError, UserError
from diziner.common.freshness import State
from diziner.common.tables import width_of
from diziner.common.words import counted
from diziner.common.yamlfile import read_yaml
from diziner.compare.comparison import compare_all
from diziner.compare.gates import base_notes, failed, gates_from, judge, sight_notes
from diziner.compare.load import lenient_sides, read_summary, strict_sides
from diziner.compare.render import checks_json, checks_markdown, checks_text
from diziner.compare.revisions import Revision, WorkTree
from diziner.layout import GATES
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--base", metavar="REV", default="HEAD", help="what the work tree is held against; HEAD")
    parser.add_argument(
        "--verify", action="store_true", help="first read all that the metrics stand on, as `diziner verify`"
    )
    parser.add_argument(
        "--allow-stale", action="store_true", help="look at figures of an earlier state of the project, too"
    )
    parser.add_argument("--all", action="store_true", help="a line for every check, not for those that failed alone")
    parser.add_argument(
        "--set-up", choices=sorted(KINDS), help="instead: write what asks the gate for each pull request, or commit"
    )
    parser.add_argument(
        "--from", dest="source", metavar="SOURCE", help="with --set-up: what pip installs diziner from, there"
    )
    add_forms(parser)
    parser.epilog = f"example: diziner gate --base origin/main (what is allowed stands in {GATES})"


def run(options: argparse.Namespace) -> None:
    """Print every rule held against every benchmark. Each is judged by its own metrics, and by their state.

    Errors: DizinerError (exit 1) if one fails; UserError for what is no revision and broken settings.
    """
    if options.set_up or options.source:
        sys.stdout.write(_set_up(options.set_up, options.source))
        return
    if options.verify:
        verify([], sys.stderr)  # what goes to standard output may be JSON
    gates = gates_from(read_yaml(GATES, "gates"))
    base, here = Revision(options.base), WorkTree()
    settings = load_settings()
    found = standings(settings)
    new, faults = strict_sides(here, settings.scoring)
    summary, wrong = read_summary(here)
    rows = compare_all(lenient_sides(base), new, gates.significance)
    faults |= {"": wrong} if wrong else {}
    states = {"": found.summary, **{name: found.of(name) for name in {*new, *faults} - {""}}}
    checks = judge(gates, rows, new, faults, (summary or {}).get("usd"), states, options.allow_stale)
    linked = [row for row in rows if found.of(row.benchmark).state is not State.UNLINKED]
    failing = failed(checks)
    verdict = (
        f"failed: {', '.join(failing)}"
        if failing
        else f"passed: {counted(len(new), 'benchmark')}, {counted(len(checks), 'check')}"
    )
    if options.json:
        sys.stdout.write(
            json.dumps(
                checks_json(base.name, checks, rows) | {"states": {name: as_json(own) for name, own in states.items()}},
                ensure_ascii=False,
                indent=2,
                sort_keys=True,
            )
            + "\n"
        )
    else:
        notes = [*base_notes(base.name, linked), *sight_notes(gates, linked)]
        if options.md:
            sys.stdout.write(checks_markdown(base.name, checks, verdict, notes, options.all))
        else:
            sys.stdout.write(checks_text(base.name, checks, verdict, notes, width_of(sys.stdout), options.all))
    if failing:
        sys.stdout.flush()
        raise DizinerError(f"gate {verdict}")


def _set_up(kind: str | None, source: str | None) -> str:
    if not (kind and source):
        raise UserError(
            "--set-up and --from go together: --from says what pip installs diziner from, such as a wheel's file or "
            "address, or git+https://HOST/diziner@COMMIT"
        )
    return f"{set_up(kind, source)}: written; commit it\n"
