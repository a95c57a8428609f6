"""`diziner ablate NAME…`: run variants of the settings in copies of the project and compare their results."""

from __future__ import annotations

import argparse
import json
import os
import sys

from diziner.ablation.run import ablate, result_table
from diziner.ablation.variants import changes_nothing, exp_run_line, load_variants, overrides
from diziner.common.errors import UserError
from diziner.layout import room_named, rooms
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="variants of diziner/profiles/variants.yaml")
    parser.add_argument("--benchmark", nargs="+", metavar="NAME", help="only these benchmarks; otherwise all")
    parser.add_argument("--list", action="store_true", help="list the variants")
    parser.add_argument("--show", action="store_true", help="print each variant's `dvc exp run` instead of running it")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="stages at once (default: %(default)s)"
    )
    parser.epilog = (
        "example: diziner ablate no-goal drop-worst --benchmark conll2003. "
        "Each variant runs in a copy of the project below .ablations/, with this one's cache and answers; "
        "the project's own files stay as they are, and the same command goes on where it was ended."
    )


def run(options: argparse.Namespace) -> None:
    """List, show or run variants.

    Errors: as `diziner.ablation.run.ablate`; of a variant that failed, after the table of the others.
    """
    variants = load_variants()
    if options.list:
        width = max(map(len, variants))
        sys.stdout.writelines(f"{name:<{width}}  {entry['about']}\n" for name, entry in variants.items())
        return
    if not options.names:
        raise UserError(f"which variant? there are: {', '.join(variants)} (`diziner ablate --list` says what they do)")
    if options.jobs < 1:
        raise UserError(f"-j: is {options.jobs}; must be 1 or more")
    params = load_settings().raw
    changes = {name: overrides(name, variants, params) for name in dict.fromkeys(options.names)}
    if options.show:
        sys.stdout.writelines(f"{exp_run_line(change)}\n" for change in changes.values())
        return
    for name, change in changes.items():
        if changes_nothing(change, params):
            sys.stderr.write(f"{name}: the settings are so already\n")
    named = [room_named(name).name for name in dict.fromkeys(options.benchmark or ())]
    ablation = ablate(changes, named or [room.name for room in rooms()], options.jobs)
    if options.json:
        sys.stdout.write(f"{json.dumps(ablation.results, indent=2, sort_keys=True, ensure_ascii=False)}\n")
    else:
        sys.stdout.write(result_table(ablation.results))
    if ablation.failures:
        *others, last = ablation.failures.values()
        sys.stderr.writelines(f"error: {error}\n" for error in others)
        raise last
