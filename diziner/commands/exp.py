"""`diziner exp run`: other settings tried in the work tree as an experiment of DVC, with many stages at once."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from diziner.commands import repro
from diziner.common.errors import DizinerError, UserError
from diziner.common.files import write_text
from diziner.compare.revisions import Revision
from diziner.layout import DATA, METRICS, PARAMS, PIPELINE
from diziner.settings import load_settings

# What a run writes that git holds, where git may not know it yet: of a new room, say.
_WRITTEN = ("dvc.lock", f":(glob){DATA}/*/dvc.lock", f":(glob){METRICS}/**/*.json", f"{PIPELINE.parent}/code")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    text = "run with other settings, and keep what came out as an experiment: `dvc exp show` has it"
    run_parser = actions.add_parser("run", help=text, description=text)
    repro.arguments(run_parser)
    run_parser.add_argument(
        "-S",
        "--set-param",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a setting, as `dvc exp run -S` has it; may be given again",
    )
    run_parser.add_argument("-n", "--name", help="what the experiment is called; a random name, if none")
    parser.epilog = run_parser.epilog = (
        "example: diziner exp run -S scoring.seed=14 conll2003. The work tree is then that of the experiment; "
        "`git checkout .` takes it back, `dvc exp apply NAME` brings it again."
    )


def run(options: argparse.Namespace) -> None:
    """Set, run, keep. Settings that cannot be are refused before anything runs, and leave params.yaml as it was.

    Errors: as of `repro`; UserError for a name that is taken, and where nothing is committed yet.
    """
    from diziner.repro.experiment import refuse_taken, save_experiment, set_params

    root = Path.cwd()
    if not options.dry:
        Revision("HEAD")  # what an experiment begins with: none is kept without it
    if options.name:
        refuse_taken(root, options.name)
    before = PARAMS.read_text(encoding="utf-8") if PARAMS.is_file() else ""
    try:
        set_params(options.overrides, PARAMS)
        load_settings()
    except UserError:
        _take_back(before)
        raise
    try:
        repro.run(options)
    except (DizinerError, KeyboardInterrupt):
        sys.stderr.write(f"note: no experiment was kept; {PARAMS} has its settings, `git checkout {PARAMS}` yours\n")
        raise
    if options.dry:
        _take_back(before)
        return
    name = save_experiment(root, options.name, _untracked())
    sys.stdout.write(f"kept as the experiment {name}: see `dvc exp show`\n")


def _take_back(before: str) -> None:
    """Write params.yaml as it was, unless it is."""
    if PARAMS.read_text(encoding="utf-8") != before:
        write_text(PARAMS, before)


def _untracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-o", "--exclude-standard", "-z", "--", *_WRITTEN], capture_output=True, check=False
    )
    return [name for name in listed.stdout.decode("utf-8", "surrogateescape").split("\0") if name]
