"""Hold the project to the same bytes on every machine: `make portable`.

Runs the stages of all benchmarks on recorded answers, in a process for each variation (BLAS kernel, SIMD level,
threads, hash seed, locale, time zone, all odd values together), and compares every output and every drawn pilot set
with a baseline, and the baseline with what the project holds. Needs a reproduced project (`make repro`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from portable.variations import Variation, child_environment, variations

ROOT = Path(__file__).parents[2]
BASELINE = Variation("baseline")
# What stages read or write, and the digests of the code: the code that runs is the project's own.
COPIED = ("data", "metrics", "params.yaml", "stages")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--brief", action="store_true", help="the kernels and all odd values together only")
    parser.add_argument("--python", action="append", default=[], metavar="PROGRAM", help="other interpreters, too")
    options = parser.parse_args()
    started = time.monotonic()
    sys.exit(check(options.brief, options.python, started))


def check(brief: bool, pythons: Sequence[str], started: float) -> int:
    """Run everything and print a line for each variation; 1 if any output differs."""
    from portable.child import features

    known = features()
    jobs = [(variation, sys.executable) for variation in variations(known, brief)]
    for python in pythons:
        jobs += [(Variation(f"{Path(python).parents[1].name}", whole=True), python)]
    with tempfile.TemporaryDirectory(prefix="portable-") as folder:
        baseline = run(BASELINE, sys.executable, Path(folder))
        if "error" in baseline:
            sys.stdout.write(f"baseline: {baseline['error']}\n")
            return 1
        failed = report("baseline", baseline, {**baseline, "digests": committed(baseline["digests"])})
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = [pool.submit(run, variation, python, Path(folder)) for variation, python in jobs]
            for (variation, _), found in zip(jobs, made, strict=True):
                failed += judged(variation, found.result(), baseline)
    outputs = len(baseline["digests"])
    sys.stdout.write(
        f"{len(jobs) + 1} runs, {outputs} outputs and the drawn pilot sets of {len(baseline['drawn'])} benchmarks, "
        f"{time.monotonic() - started:.0f} s: {f'{failed} DIFFER' if failed else 'all the same'}\n"
    )
    return int(failed > 0)


def run(variation: Variation, python: str, folder: Path) -> dict[str, Any]:
    """Run one variation in a copy of its own; the child's object, or `error`."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [python, "-m", "portable.child", str(copy), *(["--whole"] if variation.whole else [])],
        env={**child_environment(variation), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(copy)
    if done.returncode:
        return {
            "error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1],
            "code": done.returncode,
        }
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def committed(outputs: Mapping[str, str]) -> dict[str, str]:
    """The digests of what the project itself holds of these outputs."""
    from portable.child import digest

    return {name: digest(ROOT / name) if (ROOT / name).is_file() else "missing" for name in outputs}


def judged(variation: Variation, found: Mapping[str, Any], baseline: Mapping[str, Any]) -> int:
    """Print a variation's line; 1 if it failed."""
    if found.get("code", 0) < 0 and "OPENBLAS_CORETYPE" in variation.environment:
        sys.stdout.write(f"{variation.name}: this processor does not run it\n")
        return 0
    if "error" in found:
        sys.stdout.write(f"{variation.name}: FAILED: {found['error']}\n")
        return 1
    still = [name for name in variation.disabled if name in found["features"]]
    if still:
        sys.stdout.write(f"{variation.name}: FAILED: NumPy uses {' '.join(still)} all the same\n")
        return 1
    return report(variation.name, found, baseline)


def report(name: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> int:
    """Print how a run compares; 1 if anything differs."""
    different = [
        path
        for path in sorted(found["digests"].keys() | expected["digests"].keys())
        if found["digests"].get(path) != expected["digests"].get(path)
    ]
    different += [f"pilot sets of {room}" for room, sets in found["drawn"].items() if sets != expected["drawn"][room]]
    ran = f"{'; '.join(found['kernels'])}; NumPy {' '.join(found['features']) or 'baseline'}"
    if different:
        more = f" and {len(different) - 3} more" if len(different) > 3 else ""
        sys.stdout.write(f"{name} ({ran}): DIFFERS: {', '.join(different[:3])}{more}\n")
    else:
        sys.stdout.write(f"{name} ({ran}): the same\n")
    sys.stdout.flush()
    return int(bool(different))


if __name__ == "__main__":
    main()
