"""`diziner verify [TARGET…]`: read all that a run stands on, and hold it against what the lock files say."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from diziner.commands.targets import address
from diziner.common.digests import file_sha256
from diziner.common.errors import UserError
from diziner.common.words import counted
from diziner.doctor.finding import amount
from diziner.layout import Room, files_of, room_names, rooms, store_path, weights_path
from diziner.llm.store import ResponseStore
from diziner.llm.tape import tape_rows
from diziner.repro.verify import Verdict, verify_outputs
from diziner.settings import load_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="*",
        type=address,
        help="what `diziner repro TARGET` stands on; without one, all outputs and all of DVC's cache",
    )
    parser.epilog = "example: diziner verify conll2003. Changes nothing; each fault comes with what mends it."


def run(options: argparse.Namespace) -> None:
    """Print a line for each fault, then what was read.

    Errors: UserError, after these lines, if there was a fault.
    """
    verify(options.targets)


def verify(addresses: Sequence[str], stream: TextIO | None = None) -> None:
    """Read outputs, cache, tapes, response store and weights behind targets as DVC names them; print what was found.
    Errors: UserError for faults."""
    began, say = time.monotonic(), (stream or sys.stdout).write
    verdict = verify_outputs(Path.cwd(), addresses)
    for room in rooms():
        if room.tape.exists() and _concerns(addresses, room):
            _tape(verdict, room.tape)
    _store(verdict, ResponseStore(store_path()))
    if room_names():  # else a pipeline without benchmarks, which needs no settings of ours
        _weights(verdict)
    for fault in verdict.faults:
        say(f"{fault}\n")
    say(f"read: {_listed(verdict.counts)}: {amount(verdict.size)} in {time.monotonic() - began:.1f} s\n")
    if verdict.missing:
        say(f"not here, which is no fault: {_listed(verdict.missing)}\n")
    if verdict.faults:
        (stream or sys.stdout).flush()
        raise UserError(f"{counted(len(verdict.faults), 'fault')}; each line says what mends it")


def _concerns(addresses: Sequence[str], room: Room) -> bool:
    """Say whether one of the targets, if there are any, may stand on a room's tape: its own, or one beyond rooms."""
    pipelines = {Path(each.partition(":")[0]) for each in addresses}
    beyond = not addresses or any(len(path.parts) < 3 for path in pipelines)
    return beyond or room.folder / "dvc.yaml" in pipelines


def _tape(verdict: Verdict, path: Path) -> None:
    verdict.add("tape", path.stat().st_size)
    committed = f"`git checkout -- {path}` brings back the committed one"
    verdict.counts["answer on tapes"] += _count(verdict, lambda: sum(1 for _ in tape_rows(path)), committed)


def _store(verdict: Verdict, store: ResponseStore) -> None:
    if store.path.exists():
        verdict.add("store", store.path.stat().st_size)
        verdict.counts["answer in the store"] += _count(verdict, store.verify)
        store.close()


def _weights(verdict: Verdict) -> None:
    settings = load_settings()
    in_use = settings.weights_in_use
    for model, entry in sorted(settings.weights.items()):
        for name, sha256 in files_of(entry).items():
            path = weights_path(name, sha256)
            if not path.exists():
                verdict.missing["file of weights"] += model in in_use
                continue
            try:
                found = file_sha256(path)
            except OSError as error:
                verdict.faults.append(f"{path}: weights of {model}: cannot be read: {error.strerror}")
                continue
            verdict.add("file of weights", path.stat().st_size)
            if found != sha256:
                verdict.faults.append(
                    f"{path}: weights of {model}: params.yaml says SHA-256 {sha256}, found is {found}; "
                    f"`rm -f {path} && diziner weights fetch {model}` fetches them anew"
                )


def _count(verdict: Verdict, read: Callable[[], int], mend: str = "") -> int:
    """Return how many rows were read; the error of one that is damaged is a fault."""
    try:
        return read()
    except UserError as error:
        verdict.faults.append(f"{error}; {mend}" if mend else str(error))
        return 0


_PLURALS = {"run-cache entry": "run-cache entries", "object of DVC's cache": "objects of DVC's cache"}
_PLURALS |= {"answer on tapes": "answers on tapes", "answer in the store": "answers in the store"}
_PLURALS |= {"file of weights": "files of weights"}


def _listed(counts: dict[str, int]) -> str:
    words = (
        f"{count} {_PLURALS[name]}" if count != 1 and name in _PLURALS else counted(count, name)
        for name, count in counts.items()
        if count
    )
    return ", ".join(words) or "nothing"
