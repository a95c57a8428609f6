"""Runs of variants: each in a copy of the project, with the project's DVC cache and answers."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from diziner.ablation.projectcopy import cache_folder, copy_project, environment, project_files
from diziner.ablation.variants import Changes, changed
from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.files import read_json, read_text
from diziner.common.rounding import rounded
from diziner.common.tables import text_table
from diziner.common.yamlfile import parse_yaml, write_yaml
from diziner.layout import PARAMS, Room
from diziner.results.document_counts import counts_from_json
from diziner.scoring.bootstrap import paired_bootstrap
from diziner.settings import Settings, load_settings, settings_from

BASE = "as it is"  # the settings without a change, which variants are compared with
COPIES = Path(".ablations")
_LOCK = COPIES / ".lock"

Results = dict[str, dict[str, Any]]  # variant -> benchmark -> figures


@dataclass(frozen=True, slots=True)
class Ablation:
    """`results`: of each variant that ran, the headline figures by benchmark, with `voters` (how many voted, 0
    for one annotator) and `change` of F1. `failures`: what ended the other variants."""

    results: Results
    failures: Mapping[str, DizinerError]


def ablate(variants: Mapping[str, Changes], benchmarks: Sequence[str], jobs: int) -> Ablation:
    """Run the settings as they are and every variant (name -> changes) on the benchmarks, one after another.

    What a variant shares with the project comes from the cache; answers are shared both ways, so that no
    question is asked twice. The project's own files stay as they are. A variant that fails does not keep the
    others from running.
    Errors: UserError for changes that give no valid settings, before anything is copied; the run's own, where
    the settings as they are fail.
    """
    texts = {name: _params(name, changes) for name, changes in {BASE: {}, **variants}.items()}
    places = [Room(name) for name in benchmarks]
    results: Results = {}
    failures: dict[str, DizinerError] = {}
    with _alone() as lock:
        files, cache = project_files(places), cache_folder()
        for name, text in texts.items():
            folder = folder_of(name)
            sys.stderr.write(f"{name}: running in {folder}\n")
            copy_project(folder, files, cache)
            write_yaml(folder / PARAMS, text)
            try:
                _reproduce(folder, name, benchmarks, jobs, lock)
            except DizinerError as error:
                if name == BASE:
                    raise
                failures[name] = error
                continue
            results[name] = {room.name: _figures(name, room) for room in places}
    return Ablation(results, failures)


def folder_of(variant: str) -> Path:
    """Return where a variant runs."""
    return COPIES / variant.replace(" ", "_")  # no variant's name has a _


def result_table(results: Results) -> str:
    """Return a row for each benchmark and variant, with the change of F1 from the settings as they are.

    The change is on the same test documents, by whichever annotator and round each run selected.
    """
    rows = []
    for benchmark in results[BASE]:
        for name, found in results.items():
            row = found[benchmark]
            f1, change = row["f1"], row["change"]
            chosen = f"vote of {row['voters']}" if row["voters"] else row["annotator"]
            rows.append(
                (
                    benchmark,
                    name,
                    f"{row['agreement_first']:.3f} -> {row['agreement_last']:.3f}",
                    f"{chosen}, round {row['round']}",
                    "no gold" if f1 is None else f"{f1:.3f} [{row['f1_low']:.3f}, {row['f1_high']:.3f}]",
                    f"{change['difference']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]" if change else "",
                    str(row["documents"]),
                )
            )
    head = ("benchmark", "variant", "agreement", "selected", "strict span F1, 95 %", "change, 95 %", "n")
    return text_table(head, rows)


def _params(name: str, changes: Changes) -> str:
    """Return the text of a variant's params.yaml, checked."""
    text = changed(read_text(PARAMS), changes)
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
    words = [sys.executable, "-m", "diziner", "repro", "-j", str(jobs), *benchmarks]
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


def _figures(name: str, room: Room) -> dict[str, Any]:
    folder = folder_of(name)
    figures: dict[str, Any] = read_json(folder / room.final_metrics, "final_metrics")
    voters = read_json(folder / room.selection, "selection")["voters"]
    return figures | {"voters": len(voters), "change": None if name == BASE else _change(folder, room)}


def _change(folder: Path, room: Room) -> dict[str, float] | None:
    """Return the change of F1 from the settings as they are, paired by document; None if documents or gold differ."""
    before, after = (
        counts_from_json(read_json(copy / room.document_counts, "document_counts")).selected
        for copy in (folder_of(BASE), folder)
    )
    if not after.ids or before.ids != after.ids or (before.counts[:, 2] != after.counts[:, 2]).any():
        return None
    scoring = load_settings().scoring
    found = paired_bootstrap(after.counts, before.counts, scoring.bootstrap_samples, seed=scoring.seed)
    return {key: rounded(getattr(found, key)) for key in ("difference", "low", "high")}
