"""`diziner ablate NAME…`: run variants of the settings in copies of the project and compare their results."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from diziner.ablation.choice import choice_table, choice_to_json, choose, refuse_incomparable
from diziner.ablation.outcome import BASE, result_table
from diziner.ablation.profiles import profile_text
from diziner.ablation.run import Ablation, ablate, params_text
from diziner.ablation.takeover import takeover_command
from diziner.ablation.variants import Changes, changed, changes_nothing, exp_run_line, joined, load_variants
from diziner.common.errors import UserError
from diziner.common.files import check, read_text
from diziner.common.options import add_jobs
from diziner.common.tables import described, width_of
from diziner.common.words import counted
from diziner.common.yamlfile import parse_yaml
from diziner.layout import PARAMS, room_named, rooms
from diziner.settings import load_settings, settings_from

_FIXED = "fixed-pilot"  # the variant without which rounds cannot be compared
_JOINS = "+"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="variants of diziner/ablation/variants.yaml; A+B is one of both",
    )
    parser.add_argument("--benchmark", nargs="+", metavar="NAME", help="only these benchmarks; otherwise all")
    parser.add_argument("--profile", metavar="NAME", help="start from this profile, not from params.yaml")
    parser.add_argument(
        "--with", nargs="+", default=[], dest="shared", metavar="VARIANT", help="changes that all of them share"
    )
    parser.add_argument("--list", action="store_true", help="list the variants")
    parser.add_argument("--show", action="store_true", help="print each variant's `dvc exp run` instead of running it")
    parser.add_argument(
        "--choose",
        action="store_true",
        help="choose one by agreement on one fixed pilot set, no labels read; ties go to the plainest",
    )
    parser.add_argument("--read", action="store_true", help="run nothing, read what an earlier run has left")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    add_jobs(parser)
    parser.epilog = (
        "examples: diziner ablate no-goal drop-worst --benchmark conll2003; "
        "diziner ablate stable relaxed aggressive drop-worst --choose --profile paper. "
        "Each variant runs in a copy of the project below .ablations/, with this one's cache and answers; "
        "the project's own files stay as they are, and the same command goes on where it was ended."
    )


def run(options: argparse.Namespace) -> None:
    """List, show, run or choose among variants.

    Errors: as `diziner.ablation.run.ablate`; of a variant that failed, after the table of the others.
    """
    variants = load_variants()
    if options.list:
        about = {name: str(entry["about"]) for name, entry in variants.items()}
        sys.stdout.write(described(about, width_of(sys.stdout)))
        return
    if not options.names:
        raise UserError(f"which variant? there are: {', '.join(variants)} (`diziner ablate --list` says what they do)")
    named = [room_named(name).name for name in dict.fromkeys(options.benchmark or ())]
    shared = list(dict.fromkeys([*options.shared, *([_FIXED] if options.choose else [])]))
    base = _base(options.profile, shared, variants)
    params = settings_from(parse_yaml(base, str(PARAMS)), str(PARAMS)).raw
    changes = {name: joined(name.split(_JOINS), variants, params) for name in dict.fromkeys(options.names)}
    if options.show:
        for name in changes:
            parts = name.split(_JOINS)
            line = takeover_command(read_text(PARAMS), changed(base, changes[name]), options.profile, shared, parts)
            sys.stdout.write(f"{line if options.profile else exp_run_line(_together(shared, parts, variants))}\n")
        return
    for name, change in changes.items():
        if changes_nothing(change, params):
            sys.stderr.write(f"{name}: the settings are so already\n")
    if options.choose:
        texts = {name: params_text(base, name, change) for name, change in {BASE: {}, **changes}.items()}
        refuse_incomparable({name: settings_from(parse_yaml(text, name), name) for name, text in texts.items()})
    ablation = ablate(base, changes, named or [room.name for room in rooms()], options.jobs, options.read)
    if options.choose:
        _choose(ablation, base, changes, options.profile, shared, options.json)
    elif options.json:
        _write_json(ablation.results)
    else:
        sys.stdout.write(result_table(ablation.results))
    if ablation.failures:
        *others, last = ablation.failures.values()
        sys.stderr.writelines(f"error: {error}\n" for error in others)
        raise last


def _together(shared: Sequence[str], parts: Sequence[str], variants: Mapping[str, Mapping[str, Any]]) -> Changes:
    """Return all changes of params.yaml as one."""
    return joined([*shared, *parts], variants, load_settings().raw)


def _base(profile: str | None, shared: Sequence[str], variants: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the settings that variants are compared with: a profile's or params.yaml, with the shared changes."""
    if profile is not None:
        return profile_text(profile, shared)
    return changed(read_text(PARAMS), joined(shared, variants, load_settings().raw))


def _choose(
    ablation: Ablation,
    base: str,
    changes: Mapping[str, Changes],
    profile: str | None,
    shared: Sequence[str],
    as_json: bool,
) -> None:
    """Choose among what ran, and say what, why and how to take it over. Scores have no part in it."""
    changed_keys = {BASE: 0, **{name: len(change) for name, change in changes.items()}}
    settings = settings_from(parse_yaml(base, str(PARAMS)), str(PARAMS))
    choice = choose(ablation.pilots, changed_keys, settings.scoring.bootstrap_samples, settings.scoring.seed)
    own: Changes = changes.get(choice.chosen, {})
    parts = choice.chosen.split(_JOINS) if choice.chosen in changes else []
    command = takeover_command(read_text(PARAMS), changed(base, own), profile, shared, parts)
    if as_json:
        value = choice_to_json(choice, command)
        check(value, "choice", "the choice")
        _write_json({"choice": value, "results": ablation.results})
        return
    sys.stdout.write(choice_table(choice))
    for benchmark, names_there in choice.annotators.items():
        there = ", ".join(names_there)
        sys.stdout.write(f"{benchmark}: compared on {counted(choice.documents[benchmark], 'document')} over {there}\n")
    sys.stdout.write(f"chosen: {choice.chosen}: {choice.reason}\n")
    sys.stdout.write(f"to take it over: {command}\n" if command else "params.yaml is so already\n")


def _write_json(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)}\n")
