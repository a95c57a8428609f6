"""`diziner refine ROOM`: a round's conflicts with their cases, and a person's decisions about them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from diziner.commands.refine.choices_file import choices_text
from diziner.commands.refine.conflicts import Conflicts, last_round, read_conflicts
from diziner.commands.refine.progress import progress_of
from diziner.commands.refine.screens import told
from diziner.commands.refine.session import Session
from diziner.common.errors import UserError
from diziner.common.files import read_text
from diziner.common.options import whole
from diziner.common.words import counted
from diziner.common.yamlfile import read_yaml, write_yaml
from diziner.guideline.choices import choices_from, with_choices
from diziner.guideline.file import load_guideline
from diziner.layout import Room, room_named, store_path
from diziner.pipeline.arguments import given_path
from diziner.settings import load_settings

LISTED = 3  # cases of each conflict in the list


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("benchmark", metavar="BENCHMARK", help="a room of data/")
    parser.add_argument(
        "--round",
        type=whole("--round", 0, 1000),
        metavar="K",
        help="the round whose conflicts are shown; default: the last that was run",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--interactive", action="store_true", help="ask for a decision about each conflict that is open")
    how.add_argument(
        "--choices", type=given_path, metavar="FILE", help="take decisions from a file: conflict: decision"
    )
    how.add_argument(
        "--export", type=given_path, metavar="FILE", help="write all conflicts and decisions to such a file"
    )
    parser.add_argument("--again", action="store_true", help="with --interactive: ask about decided ones, too")
    parser.epilog = (
        "example: diziner refine conll2003 --interactive && dvc repro data/conll2003/dvc.yaml\n"
        "Decisions are kept under `choices` in the guideline that round 0 begins with; the supervisor follows them in "
        "every round, and annotators are not asked again until an instruction changes."
    )


def run(options: argparse.Namespace) -> None:
    """Show the conflicts; take decisions if asked to.

    Errors: UserError if the round has not been run, and for a file of choices that does not fit.
    """
    if options.again and not options.interactive:
        raise UserError("--again: only with --interactive")
    _take_any_text()
    room = room_named(options.benchmark)
    settings = load_settings()
    number = last_round(room, settings) if options.round is None else settings.round(options.round)
    path = room.guideline(0, settings.start)
    guideline = load_guideline(path)
    conflicts = read_conflicts(room, number, guideline.types, settings)
    decided = {choice.conflict: choice.decision for choice in guideline.choices}
    if options.choices:
        new = choices_from(read_yaml(options.choices), conflicts.spellings(), str(options.choices))
        if new:
            write_yaml(path, with_choices(read_text(path), guideline.choices, new))
        _say_kept(room, path, sum(decided.get(choice.conflict) != choice.decision for choice in new))
    elif options.export:
        if options.export.exists():
            raise UserError(
                f"{options.export}: is there already, perhaps with decisions; give another name or delete it"
            )
        write_yaml(options.export, choices_text(room.name, conflicts, decided))
        sys.stdout.write(f"{options.export}: {_size_of(conflicts)}; fill it in, then `--choices {options.export}`\n")
    elif options.interactive:
        _interactive(room, path, conflicts, options.again)
    else:
        for cluster in conflicts.clusters:
            decision = f"\n  decided: {decided[cluster.name]}" if cluster.name in decided else ""
            sys.stdout.write(f"{told(conflicts, cluster, LISTED)}{decision}\n\n")
        known = {cluster.name for cluster in conflicts.clusters}
        besides = "".join(f"{name}: {text}\n" for name, text in decided.items() if name not in known)
        sys.stdout.write(f"decided besides:\n{besides}\n" if besides else "")
        sys.stdout.write(
            f"{_size_of(conflicts)}{'; decide with --interactive or --choices FILE' if conflicts.clusters else ''}\n"
        )


def _interactive(room: Room, path: Path, conflicts: Conflicts, again: bool) -> None:
    kept = store_path().parent / "refine" / f"{room.name}.r{conflicts.round}.json"
    sys.stdout.write(f"{room.name}: {_size_of(conflicts)}\n")
    before = {choice.conflict: choice.decision for choice in load_guideline(path).choices}
    with progress_of(path, kept) as progress:
        try:
            Session(conflicts, progress, again).run()
        except KeyboardInterrupt:
            sys.stdout.flush()
            sys.stderr.write(f"\ninterrupted: what was decided is in {path}; the same command goes on from here\n")
            raise SystemExit(130) from None
        after = progress.decisions()
    changed = sum(before.get(name) != after.get(name) for name in before.keys() | after.keys())
    _say_kept(room, path, changed)


def _take_any_text() -> None:
    """Have documents shown also where the terminal cannot show each of their characters, and have a line that is typed
    in another encoding refused alone."""
    for stream, errors in ((sys.stdout, "backslashreplace"), (sys.stdin, "surrogateescape")):
        if callable(reconfigure := getattr(stream, "reconfigure", None)):
            reconfigure(errors=errors)


def _size_of(conflicts: Conflicts) -> str:
    cases = f"{counted(conflicts.cases, 'case')} of disagreement in {counted(len(conflicts.clusters), 'conflict')}"
    return f"{cases}, round {conflicts.round}"


def _say_kept(room: Room, path: Path, changed: int) -> None:
    if not changed:
        sys.stdout.write(f"no new decisions; {path} is as it was\n")
        return
    sys.stdout.write(
        f"{path}: {counted(changed, 'decision')} under `choices`; now run `dvc repro {room.folder}/dvc.yaml`\n"
    )
