"""Attack the project: `make attack`.

Tries what people, programs and machines do to it: odd settings, broken YAML, fuzzed inputs, wrong arguments, HTTP
faults, damaged stores and tapes, kills in mid-run. Whatever is wrong must be refused in one line; nothing may end in a
traceback, and no wrong answer may be used. Prints each case that fails, with the command that tries it again, and the
counts of each part.
"""

from __future__ import annotations

import argparse
import sys
import time

from projects import compiled_code

from attack import commands, http, inputs, kills, settings, stores, yamlfiles
from attack.findings import FAILED, WORDS, Case, Counts, Part
from attack.workers import tried

PARTS = {module.PART.name: module.PART for module in (settings, yamlfiles, inputs, commands, http, stores, kills)}
SEED = 19


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m attack", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--brief", action="store_true", help="every so many-th case only, for continuous integration")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of all that is drawn; {SEED}")
    parser.add_argument("--only", choices=PARTS, action="append", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--case", type=int, metavar="N", help="with --only: this case alone")
    options = parser.parse_args()
    if options.case is not None and len(options.only or ()) != 1:
        parser.error("--case: needs one --only PART")
    started = time.monotonic()
    compiled_code()  # before workers are forked: in a folder that is theirs, and removed at this process' end
    chosen = [PARTS[name] for name in options.only or PARTS]
    failed = sum(attacked(part, options.seed, options.brief, options.case) for part in chosen)
    sys.stdout.write(
        f"seed {options.seed}, {time.monotonic() - started:.0f} s: {f'{failed} FAILED' if failed else 'all held'}\n"
    )
    sys.exit(failed > 0)


def attacked(part: Part, seed: int, brief: bool = False, alone: int | None = None) -> int:
    """Try a part's cases, print what failed and the counts; how many failed."""
    started, counts = time.monotonic(), Counts()
    cases = part.cases(seed)
    few = 0
    if alone is not None:
        cases = [case for case in cases if case.number == alone]
    elif brief:
        cases = [case for case in cases if in_short(part, case, seed)]
    elif (count := sum(case.count for case in cases)) < part.least:
        sys.stdout.write(f"FAILED {part.name}: {count} cases, must be at least {part.least}\n")
        few = 1
    for case, finding in tried(part, cases):
        counts.add(case, finding)
        if finding.verdict in FAILED:
            sys.stdout.write(
                f"FAILED {part.name} {case.number} ({WORDS[finding.verdict]}): {case.what}: {finding.detail}\n"
                f"  again: PYTHONPATH=tests python -m attack --seed {seed} --only {part.name} --case {case.number}\n"
            )
        elif alone is not None:
            sys.stdout.write(f"{part.name} {case.number}: {case.what}: {finding.verdict} {finding.detail}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{part.name}: {counts.in_words()}; {time.monotonic() - started:.0f} s\n")
    sys.stdout.flush()
    return counts.failed + few


def in_short(part: Part, case: Case, seed: int) -> bool:
    """Say whether a case is in the short form."""
    return case.number % part.brief == seed % part.brief if case.short is None else case.short


if __name__ == "__main__":
    main()
