"""Servers of local models that a run keeps for its stages: a stage starts the one it needs, the next ones find it.

A run names a folder in DIZINER_MODELS and holds a lock there. The system gives it back when the run ends, however it
ends, and the servers end with it. Stages take turns (`diziner.endpoints.machine_turn`), so only one looks at a time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.locks import try_lock
from diziner.endpoints.local_server import LOCK

VARIABLE = "DIZINER_MODELS"
_RUN = "run"
_POLL_S = 0.05
_SPARE = 1 << 30  # bytes


@contextlib.contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Let stages that find `folder` in DIZINER_MODELS keep servers there, within the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _RUN).open("ab") as held:
        try_lock(held)
        yield


def run_folder() -> Path | None:
    """Return the folder of the run that this process is a stage of; None where there is none, or it has ended."""
    folder = Path(os.environ.get(VARIABLE) or os.devnull)
    return folder if _is_held(folder / _RUN) else None


def run_server(folder: Path, name: str, weights: Path, threads: int, context: int, prefixes: Path) -> str:
    """Return the address of the run's server of that name; it is started if there is none.

    Where memory is short, the run's other servers are ended first.
    Errors: UserError, as the server says it, if it does not start.
    """
    place = folder / f"{name}.json"
    if _is_held(place.with_suffix(LOCK)):
        # A stage that was killed may have left it while it started.
        while not place.exists() and _is_held(place.with_suffix(LOCK)):
            time.sleep(_POLL_S)
        if place.exists():
            return str(_read(place)["url"])
    place.unlink(missing_ok=True)
    if _free_memory() < 2 * weights.stat().st_size + _SPARE:
        _end_all(folder)
    words = [str(word) for word in (weights, threads, context, prefixes, place, folder / _RUN)]
    log = folder / f"{name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "diziner.endpoints.local_server", *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            # It outlives the stage, and what is sent to the stage's group.
            start_new_session=True,
        )
    while not place.exists():
        if process.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
            why = next((line for line in reversed(lines) if line.strip()), f"exit code {process.returncode}")
            raise UserError(why)
        time.sleep(_POLL_S)
    return str(_read(place)["url"])


def _is_held(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return not try_lock(opened)
    except OSError:
        return False


def _end_all(folder: Path) -> None:
    for place in folder.glob("*.json"):
        if _is_held(lock := place.with_suffix(LOCK)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(_read(place)["process"], signal.SIGKILL)
            while _is_held(lock):
                time.sleep(_POLL_S)
        place.unlink(missing_ok=True)


def _read(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = jsontext.body(place.read_bytes())
    return found


def _free_memory() -> float:
    """Return bytes of memory that are free or can be made so; no end of them where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").split("\n"):
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return float("inf")
