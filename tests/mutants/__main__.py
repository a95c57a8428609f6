"""Mutation testing: `make mutants`.

Draws mutants of the rooms that matter most with a seed, and runs for each the tests of its own room that run the
changed line, shortest first, until one fails. Survivors are printed; those that no test need see stand in
tests/mutants/equivalent.yaml, each with its reason. Exit 1 if fewer than `--least` of all are killed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import yaml

from mutants import lines
from mutants.sites import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
ROOMS = ("spans", "scoring", "agreement", "guideline", "supervisor", "prompting", "llm", "compare", "corpora")
REASONS = Path(__file__).parent / "equivalent.yaml"
SLACK_S = 60  # beside ten times what the tests took before


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: killed by a test, or alive, after so many tests."""

    mutant: Mutant
    killed: bool
    tests: int
    reason: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="mutants, drawn over all rooms (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=float, default=0.9, help="share that must be killed (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("rooms", nargs="*", default=list(ROOMS), help="rooms of diziner/ (all: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [copied(Path(folder) / str(number)) for number in range(options.jobs)]
        started = time.monotonic()
        found = judged(drawn(options.rooms, options.count, options.seed), copies)
        sys.exit(report(found, options, time.monotonic() - started))


def drawn(rooms: Sequence[str], count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants of the rooms' modules, each place as likely as another."""
    paths = [path for room in rooms for path in sorted((ROOT / "diziner" / room).rglob("*.py"))]
    every = [m for path in paths for m in mutants_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))]
    return sorted(random.Random(seed).sample(every, min(count, len(every))))


def copied(place: Path) -> Path:
    """Copy the work tree without what git ignores, and return the copy."""
    names = subprocess.run(
        ["git", "ls-files", "-zco", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / name)
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    return place


def judged(mutants: Sequence[Mutant], copies: Sequence[Path]) -> list[Verdict]:
    """Return a verdict for each mutant, in their order; a copy of the project is used by one at a time."""
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)
    reasons = {(r["path"], r["function"], r["text"], r["instead"]): r["reason"] for r in known_reasons()}

    def on_a_copy(work: Any, *arguments: Any) -> Any:
        copy = free.get()
        try:
            return work(copy, *arguments)
        finally:
            free.put(copy)

    def verdict(mutant: Mutant) -> Verdict:
        key = (mutant.path, mutant.function, mutant.text, mutant.instead)
        ran = recorded[Path(mutant.path).parts[1]].result()
        tests = covering(mutant, ran)
        killed = bool(tests) and on_a_copy(fails_with, mutant, tests, sum(ran[test]["seconds"] for test in tests))
        found = Verdict(mutant, killed, len(tests), "" if killed else reasons.get(key, ""))
        sys.stdout.write(f"{'killed' if killed else 'ALIVE '} ({len(tests)} tests) {mutant}\n")
        sys.stdout.flush()
        return found

    with ThreadPoolExecutor(len(copies)) as pool:
        # Rooms with most tests begin: a mutant is tried as soon as its room's lines are known.
        wanted = sorted({Path(m.path).parts[1] for m in mutants}, key=lambda room: -len([*tests_of(room)]))
        recorded = {room: pool.submit(on_a_copy, lines_of, room) for room in wanted}
        return list(pool.map(verdict, mutants))


def tests_of(room: str) -> Iterator[Path]:
    """Yield the test modules of a room."""
    return (ROOT / "tests" / room).glob("test_*.py")


def known_reasons() -> list[dict[str, str]]:
    """Return the reviewed mutants that no test need see."""
    entries: list[dict[str, str]] = yaml.safe_load(REASONS.read_text(encoding="utf-8")) or []
    return entries


def lines_of(copy: Path, room: str) -> dict[str, Any]:
    """Return what each test of a room runs (`mutants.lines`)."""
    said = copy / f"{room}.lines.json"
    ended = tests_run(copy, [f"tests/{room}"], {lines.LINES: str(said)}, timeout_s=None)
    if ended.returncode > 1 or not said.is_file():
        raise SystemExit(f"tests/{room} cannot be run:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    ran: dict[str, Any] = json.loads(said.read_text(encoding="utf-8"))
    return ran


def covering(mutant: Mutant, ran: Mapping[str, Any]) -> list[str]:
    """Return the tests that run the mutant's line, shortest first; all of the room's for a line that an import runs."""
    at_import = mutant.line in ran.get("", {"lines": {}})["lines"].get(mutant.path, ())
    chosen = [
        test
        for test, entry in ran.items()
        if test and (at_import or mutant.line in entry["lines"].get(mutant.path, ()))
    ]
    return sorted(chosen, key=lambda test: (ran[test]["seconds"], test))


def fails_with(copy: Path, mutant: Mutant, tests: Sequence[str], seconds: float) -> bool:
    """Say whether a test fails, or never ends, with the change made in a copy, which is whole again afterwards."""
    path, chosen = copy / mutant.path, copy / "chosen.txt"
    source = path.read_text(encoding="utf-8")
    chosen.write_text("\n".join(tests), encoding="utf-8")
    path.write_text(mutant.applied(source), encoding="utf-8")
    try:
        files = sorted({test.partition("::")[0] for test in tests})
        ended = tests_run(copy, ["-x", *files], {lines.CHOSEN: str(chosen)}, timeout_s=SLACK_S + 10 * seconds)
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(source, encoding="utf-8")
    return ended.returncode != 0


def tests_run(
    copy: Path, arguments: Sequence[str], more: Mapping[str, str], timeout_s: float | None
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a copy, with the copy's own code first."""
    paths = os.pathsep.join([str(copy), str(copy / "tests")])
    environment = {**os.environ, **more, "PYTHONPATH": paths, "CI": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    base = ["--basetemp", str(copy.with_name(f"{copy.name}-tmp")), "-p", "mutants.lines", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *base, *arguments]
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def report(found: Sequence[Verdict], options: argparse.Namespace, seconds: float) -> int:
    """Print counts by room and kind, and the survivors; 1 if too few were killed or a survivor has no reason."""
    for title, key in (("room", lambda m: Path(m.path).parts[1]), ("kind", lambda m: m.kind)):
        made, killed = Counter(key(v.mutant) for v in found), Counter(key(v.mutant) for v in found if v.killed)
        sys.stdout.write(f"by {title}: {', '.join(f'{name} {killed[name]}/{made[name]}' for name in sorted(made))}\n")
    alive = [verdict for verdict in found if not verdict.killed]
    for verdict in alive:
        sys.stdout.write(f"alive: {verdict.mutant}  [{verdict.reason or 'no reason is given'}]\n")
    share = 1 - len(alive) / len(found)
    unexplained = sum(not verdict.reason for verdict in alive)
    sys.stdout.write(
        f"{len(found)} mutants, seed {options.seed}: {len(found) - len(alive)} killed ({share:.1%}), "
        f"{len(alive)} alive, {unexplained} of them without a reason; {seconds:.0f} s\n"
    )
    return int(share < options.least or unexplained > 0)


if __name__ == "__main__":
    main()
