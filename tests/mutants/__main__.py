"""Mutation testing: `make mutants`.

Draws mutants of the rooms that matter most with a seed, and runs for each the tests of its own room (examples in its
docstrings too) that run the changed line, shortest first, until one fails; then, before it is called alive, the room's
other tests, which may reach the line in a process of their own. Survivors that no test need see are listed in
tests/mutants/equivalent.yaml, each with its reason. Exit 1 if fewer than `--least` of all are killed or a survivor is
not listed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import yaml

from mutants.copies import ROOT, Copy
from mutants.sites import Mutant, mutants_of

ROOMS = ("spans", "scoring", "agreement", "guideline", "supervisor", "prompting", "llm", "compare", "corpora")
REASONS = Path(__file__).parent / "equivalent.yaml"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Fate of a mutant: how tests failed ("" if it is alive), how many run its line, why none need see it."""

    mutant: Mutant
    failure: str
    tests: int
    reason: str = ""

    def __str__(self) -> str:
        state = f"killed, {self.failure}" if self.failure else f"listed: {self.reason}" if self.reason else "ALIVE"
        return f"{self.mutant}  [{self.tests} tests; {state}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="mutants, drawn over all rooms (%(default)s)")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="of each a draw and its counts (%(default)s)")
    parser.add_argument("--least", type=float, default=0.9, help="share that must be killed (%(default)s)")
    parser.add_argument("--direct", action="store_true", help="quicker: no tests that do not run the line themselves")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("rooms", nargs="*", default=list(ROOMS), help="only what was drawn in these rooms of diziner/")
    options = parser.parse_args()
    started = time.monotonic()
    draws = {seed: drawn(options.count, seed) for seed in options.seed}
    mutants = sorted({mutant for draw in draws.values() for mutant in draw if mutant.room in options.rooms})
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ExitStack() as stack:
        copies = [stack.enter_context(closing(Copy(Path(folder), number))) for number in range(options.jobs)]
        found = judged(mutants, copies, options.direct)
    codes = [
        report(f"seed {seed}", [verdict for verdict in found if verdict.mutant in draw], options.least)
        for seed, draw in draws.items()
    ]
    sys.stdout.write(f"{time.monotonic() - started:.0f} s\n")
    sys.exit(max(codes))


def drawn(count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants of all rooms, each as likely as another; an edit elsewhere does not change the others."""
    paths = [path for room in ROOMS for path in sorted((ROOT / "diziner" / room).rglob("*.py"))]
    twins: Counter[tuple[str, ...]] = Counter()
    ranks: dict[Mutant, str] = {}
    for path in paths:
        for mutant in mutants_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")):
            twins[mutant.key] += 1
            ranks[mutant] = sha256("\0".join([str(seed), *mutant.key, str(twins[mutant.key])]).encode()).hexdigest()
    return sorted(sorted(ranks, key=ranks.__getitem__)[:count])


def judged(mutants: Sequence[Mutant], copies: Sequence[Copy], direct: bool) -> list[Verdict]:
    """Return a verdict for each mutant, in their order; a copy of the project is used by one at a time. `direct`: by
    the tests alone that run the line in their own process."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)
    reasons = known_reasons()

    def on_a_copy(work: Callable[..., Any], *arguments: Any) -> Any:
        copy = free.get()
        try:
            return work(copy, *arguments)
        finally:
            free.put(copy)

    def verdict(mutant: Mutant) -> Verdict:
        ran = recorded[mutant.room].result()
        reason = reason_for(mutant, reasons)
        chosen = covering(mutant, ran)
        others = (
            []
            if reason or direct
            else sorted(ran.keys() - {"", *chosen}, key=lambda test: (ran[test]["seconds"], test))
        )
        failure = ""
        for tests in filter(None, (chosen, others)):
            seconds = sum(ran[test]["seconds"] for test in tests)
            failure = failure or on_a_copy(Copy.failure, mutant, tests, seconds)
        found = Verdict(mutant, failure, len(chosen), reason)
        sys.stdout.write(f"{found}\n")
        sys.stdout.flush()
        return found

    with ThreadPoolExecutor(len(copies)) as pool:
        # Rooms with most tests begin: a mutant is tried as soon as its room's lines are known.
        wanted = sorted({mutant.room for mutant in mutants}, key=lambda room: -len([*tests_of(room)]))
        recorded = {room: pool.submit(on_a_copy, recorded_lines, room) for room in wanted}
        return list(pool.map(verdict, mutants))


def recorded_lines(copy: Copy, room: str) -> dict[str, Any]:
    """Return what each test of a room runs; say so on standard error, as the first verdict is minutes away."""
    started = time.monotonic()
    ran = copy.lines_of(room)
    sys.stderr.write(f"{room}: lines of {len(ran) - 1} tests kept, {time.monotonic() - started:.0f} s\n")
    return ran


def tests_of(room: str) -> Iterator[Path]:
    """Yield the test modules of a room."""
    return (ROOT / "tests" / room).glob("test_*.py")


def known_reasons() -> list[dict[str, str]]:
    """Return the reviewed mutants that no test need see, with the reasons."""
    entries: list[dict[str, str]] = yaml.safe_load(REASONS.read_text(encoding="utf-8")) or []
    return entries


def reason_for(mutant: Mutant, entries: Sequence[Mapping[str, str]]) -> str:
    """Return the reason of an entry for a mutant, "" without one; one with a `line` is of places on such a line."""
    for entry in entries:
        named = tuple(entry[name] for name in ("path", "function", "text", "instead"))
        if named == mutant.key and entry.get("line", mutant.source_line) == mutant.source_line:
            return entry["reason"]
    return ""


def covering(mutant: Mutant, ran: Mapping[str, Any]) -> list[str]:
    """Return the tests that run the mutant's line, shortest first; all of the room's for a line that an import runs."""
    at_import = mutant.line in ran[""]["lines"].get(mutant.path, ())
    chosen = [
        test
        for test, entry in ran.items()
        if test and (at_import or mutant.line in entry["lines"].get(mutant.path, ()))
    ]
    return sorted(chosen, key=lambda test: (ran[test]["seconds"], test))


def report(title: str, found: Sequence[Verdict], least: float) -> int:
    """Print the survivors, and counts by kind and room; 1 if too few were killed or a survivor has no reason."""
    sys.stdout.write(f"\n{title}\n")
    alive = [verdict for verdict in found if not verdict.failure]
    for verdict in alive:
        sys.stdout.write(f"{verdict}\n")
    for verdict in found:
        if verdict.failure and verdict.reason:
            sys.stdout.write(f"listed, yet killed: {verdict}\n")
    keys: tuple[Callable[[Mutant], str], ...] = (lambda mutant: mutant.kind, lambda mutant: mutant.room)
    for key in keys:
        for name in sorted({key(verdict.mutant) for verdict in found}):
            sys.stdout.write(f"{name}: {counts([v for v in found if key(v.mutant) == name])}\n")
    sys.stdout.write(f"all, {title}: {counts(found)}\n")
    too_few = len(found) - len(alive) < least * len(found)
    return int(too_few or any(not verdict.reason for verdict in alive))


def counts(found: Sequence[Verdict]) -> str:
    """Return a line that counts verdicts: killed, alive, listed."""
    killed = sum(bool(verdict.failure) for verdict in found)
    late = sum(verdict.failure == "out of time" for verdict in found)
    listed = sum(bool(verdict.reason) for verdict in found if not verdict.failure)
    share = killed / max(1, len(found))
    return (
        f"{killed} of {len(found)} killed ({share:.1%}{f', {late} out of time' if late else ''}), "
        f"{len(found) - killed - listed} alive, {listed} listed"
    )


if __name__ == "__main__":
    main()
