"""A process that has imported what tests need beside the project's own code, and forks pytest for each run asked of it.

Reads one JSON object a line: {"arguments", "environment", "cpu_s", "wall_s", "said"}; answers each with {"code"}: what
pytest exits with, None where the run was ended because it took too long. `said` is the file for what it prints.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

SHARED = ("hypothesis.strategies", "numpy", "pydantic", "yaml")
STEP_S = 0.02


def main() -> None:
    for name in SHARED:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _run(asked)
        sys.stdout.write(json.dumps({"code": _awaited(child, asked["wall_s"])}) + "\n")
        sys.stdout.flush()


def _run(asked: Mapping[str, Any]) -> None:
    """Run pytest in this child, in a session of its own, and end the child."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.update(asked["environment"])
    if asked["cpu_s"]:
        resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_s"], asked["cpu_s"]))
    code: int = pytest.ExitCode.INTERNAL_ERROR
    try:
        code = int(pytest.main(asked["arguments"]))
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _awaited(child: int, wall_s: float | None) -> int | None:
    """Return a child's exit code, None if it was ended for its time; nothing that it started lives on."""
    ends = time.monotonic() + wall_s if wall_s else float("inf")
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended and time.monotonic() < ends:
        time.sleep(STEP_S)
        ended, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
        return None
    code = os.waitstatus_to_exitcode(status)
    return None if code in (-signal.SIGKILL, -signal.SIGXCPU) else code


if __name__ == "__main__":
    main()
