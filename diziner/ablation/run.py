"""Runs of variants: each in a copy of the project, with the project's DVC cache and answers."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from diziner.ablation.outcome import BASE, COPIES, Results, figures, folder_of
from diziner.ablation.pilot import PilotRound, read_chosen_round
from diziner.ablation.projectcopy import cache_folder, copy_project, environment, project_files
from diziner.ablation.variants import Changes, changed
from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.files import read_text
from diziner.common.yamlfile import parse_yaml, write_yaml
from diziner.layout import PARAMS, Room
from diziner.settings import Settings, settings_from

_LOCK = COPIES / ".lock"


@dataclass(frozen=True, slots=True)
class Ablation:
    """`results`: of each variant that ran, the headline figures by benchmark, with `voters` (how many voted, 0 for
    one annotator), `change` of F1 and `agreement_change`, both from the settings as they are. `pilots`: their chosen
    rounds. `failures`: what ended the other variants."""

    results: Results
    pilots: Mapping[str, Mapping[str, PilotRound]]
    failures: Mapping[str, DizinerError]


def ablate(
    base: str, variants: Mapping[str, Changes], benchmarks: Sequence[str], jobs: int, read_only: bool = False
) -> Ablation:
    """Run the settings as they are and every variant (name -> changes) on the benchmarks, one after another.

    `base` is the text of the settings as they are, a params.yaml. What a variant shares with the project comes from the
    cache; answers are shared both ways, so that no question is asked twice. The project's own files stay as they are.
    A variant that fails does not keep the others from running. `read_only`: nothing runs, an earlier run's results are
    read.
    Errors: UserError for changes that give no valid settings, before anything is copied, and for results that are not
    there or not of these settings; the run's own, where the settings as they are fail.
    """
    texts = {name: params_text(base, name, changes) for name, changes in {BASE: {}, **variants}.items()}
    places = [Room(name) for name in benchmarks]
    failures = {} if read_only else _run_all(texts, places, jobs)
    results: Results = {}
    pilots: dict[str, dict[str, PilotRound]] = {}
    for name, text in texts.items():
        if name not in failures:
            _refuse_other_results(name, text, places)
            settings = _settings(text, name)
            pilots[name] = {room.name: read_chosen_round(folder_of(name), room, settings.pool) for room in places}
            results[name] = {room.name: figures(name, room, pilots, settings) for room in places}
    return Ablation(results, pilots, failures)


def _run_all(texts: Mapping[str, str], places: Sequence[Room], jobs: int) -> dict[str, DizinerError]:
    """Run settings (name -> params.yaml) in copies of the project; return what ended those that failed."""
    failures: dict[str, DizinerError] = {}
    with _alone() as lock:
        files, cache = project_files(places), cache_folder()
        for name, text in texts.items():
            folder = folder_of(name)
            sys.stderr.write(f"{name}: running in {folder}\n")
            copy_project(folder, files, cache)
            write_yaml(folder / PARAMS, text)
            try:
                _reproduce(folder, name, [room.name for room in places], jobs, lock)
            except DizinerError as error:
                if name == BASE:
                    raise
                failures[name] = error
    return failures


def _refuse_other_results(name: str, text: str, places: Sequence[Room]) -> None:
    """Raise UserError if a variant's folder lacks results of these settings."""
    folder = folder_of(name)
    written = folder / PARAMS
    if not written.is_file():
        raise UserError(f"{folder}: {name!r} has not run; leave out --read to run it")
    if read_text(written) != text:
        raise UserError(f"{written}: {name!r} ran with other settings; leave out --read to run it anew")
    missing = [room.final_metrics for room in places if not (folder / room.final_metrics).is_file()]
    if missing:
        raise UserError(f"{folder / missing[0]}: is not there; leave out --read to run {name!r} to its end")


def params_text(base: str, name: str, changes: Changes) -> str:
    """Return the text of a variant's params.yaml, checked."""
    text = changed(base, changes)
    settings = _settings(text, name)
    # A copy is two folders further down.
    local = settings.local_dir
    if local is not None and not local.is_absolute():
        text = changed(text, {"corpus.local_dir": str(local.absolute())})
    return text


def _settings(text: str, name: str) -> Settings:
    where = f"{PARAMS}, {name}"
    return settings_from(parse_yaml(text, where), where)


@contextlib.contextmanager
def _alone() -> Iterator[IO[str]]:
    """Hold a lock on the copies; a run that outlives a killed command has it too, until it ends.

    Errors: UserError if another has it.
    """
    COPIES.mkdir(exist_ok=True)
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{COPIES}: another `diziner ablate`, or a run of one, is at work there; wait") from None
        yield lock


def _reproduce(folder: Path, name: str, benchmarks: Sequence[str], jobs: int, lock: IO[str]) -> None:
    """Bring a copy up to date. Errors: of the class that its exit code says."""
    words = [sys.executable, "-m", "diziner", "repro", "--now", "-j", str(jobs), *benchmarks]
    # Standard output is for the result; what a run says of itself goes where messages go.
    with subprocess.Popen(
        words, cwd=folder, env=environment(), stdout=sys.stderr.fileno(), pass_fds=[lock.fileno()]
    ) as run:
        try:
            code = run.wait()
        except KeyboardInterrupt:
            run.wait()  # it has the signal too, and keeps what is finished
            raise
    if code:
        kind = {2: UserError, 3: ProviderError}.get(code, DizinerError)
        raise kind(f"variant {name}: its run in {folder} failed with exit code {code}")
