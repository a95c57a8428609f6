"""`diziner refine BENCHMARK`: a round's conflicts with their evidence, and a person's decisions about them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import read_json, read_text
from diziner.common.options import whole
from diziner.common.yamlfile import read_yaml, write_yaml
from diziner.guideline.choices import Conflict, choices_from, conflicts_of, decision_for, with_choices
from diziner.guideline.file import load_guideline
from diziner.layout import Room, room_named
from diziner.records.guideline import Choice, EntityType
from diziner.settings import load_settings
from diziner.supervisor.evidence import evidence_from_json
from diziner.supervisor.phases import shown


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("benchmark", metavar="BENCHMARK", help="a room of data/")
    parser.add_argument(
        "--round",
        type=whole("--round", 0, 1000),
        metavar="K",
        help="the round whose conflicts are shown; default: the last",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--interactive", action="store_true", help="ask for a decision about each conflict")
    how.add_argument("--choices", type=Path, metavar="FILE", help="take decisions from a YAML file: conflict: decision")
    parser.epilog = (
        "example: diziner refine conll2003 --interactive && dvc repro data/conll2003/dvc.yaml\n"
        "Decisions are kept under `choices` in the guideline that round 0 begins with; the supervisor follows them in "
        "every round, and annotators are not asked again until an instruction changes."
    )


def run(options: argparse.Namespace) -> None:
    """Show the conflicts; take decisions if asked to.

    Errors: UserError if the round has not been run, and for a file of choices that does not fit.
    """
    room = room_named(options.benchmark)
    settings = load_settings()
    number = settings.rounds[-1] if options.round is None else settings.round(options.round)
    path = room.guideline(0, settings.start)
    guideline = load_guideline(path)
    before, conflicts = guideline.choices, _conflicts(room, number, guideline.types)
    if options.choices:
        _keep(room, path, before, choices_from(read_yaml(options.choices), conflicts, str(options.choices)))
    elif options.interactive:
        try:
            new = _asked(conflicts, before)
        except KeyboardInterrupt:
            sys.stderr.write("\ninterrupted: no decision was kept\n")
            raise SystemExit(130) from None
        _keep(room, path, before, new)
    else:
        for conflict in conflicts:
            sys.stdout.write(f"{_shown(conflict, before)}\n\n")
        count = f"{len(conflicts)} conflict{'' if len(conflicts) == 1 else 's'} in round {number}"
        sys.stdout.write(f"{count}{'; decide with --interactive or --choices FILE' if conflicts else ''}\n")


def _conflicts(room: Room, number: int, types: Sequence[EntityType]) -> list[Conflict]:
    path = room.round(number) / "disagreements.json"
    if not path.exists():
        raise UserError(f"{path}: not there yet: run `dvc repro {room.folder}/dvc.yaml` first")
    return conflicts_of(evidence_from_json(read_json(path, "disagreements"), types).groups)


def _shown(conflict: Conflict, before: Sequence[Choice]) -> str:
    decided = "".join(f"\n  decided: {choice.decision}" for choice in before if choice.conflict == conflict.name)
    return f"{shown([conflict.group])}{decided}"


def _asked(conflicts: Sequence[Conflict], before: Sequence[Choice]) -> list[Choice]:
    """Return a decision for each conflict from the terminal; an end of input keeps what was decided so far."""
    choices: list[Choice] = []
    for position, conflict in enumerate(conflicts, 1):
        sys.stdout.write(f"\n[{position} of {len(conflicts)}] {_shown(conflict, before)}\n\n")
        for number, reading in enumerate(conflict.readings, 1):
            sys.stdout.write(f"  {number}  {reading} is right\n")
        answer = _answer(len(conflict.readings))
        if answer is None:
            break
        if isinstance(answer, int):
            choices.append(Choice(conflict.name, decision_for(conflict, conflict.readings[answer - 1])))
        elif answer:
            choices.append(Choice(conflict.name, answer))
    return choices


def _answer(readings: int) -> int | str | None:
    """Return the number of a reading, a rule, "" to leave it as it is, or None to end."""
    while True:
        sys.stdout.write("number, a rule in your own words, Enter to leave it as it is, q to end: ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        word = " ".join(line.split())
        if not line or word == "q":
            return None
        if not word.isdecimal():
            return word
        if 1 <= int(word) <= readings:
            return int(word)
        sys.stdout.write(f"there is no reading {word}; there are 1 to {readings}\n")


def _keep(room: Room, path: Path, before: Sequence[Choice], new: Sequence[Choice]) -> None:
    if not new:
        sys.stdout.write(f"\nno decisions; {path} is as it was\n")
        return
    write_yaml(path, with_choices(read_text(path), before, new))
    sys.stdout.write(
        f"\n{path}: {len(new)} decision{'s' if len(new) > 1 else ''} under `choices`; "
        f"now run `dvc repro {room.folder}/dvc.yaml`\n"
    )
