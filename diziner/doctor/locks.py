"""Checks of DVC's locks: whether another process works on the project. Nothing waits, nothing is written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.common.words import listed
from diziner.doctor.dvc import FOLDER
from diziner.doctor.finding import Finding
from diziner.doctor.subject import Subject

_LOCK = FOLDER / "tmp" / "lock"
_ENTRIES = FOLDER / "tmp" / "rwlock"  # who reads or writes which path, while a stage runs and the lock is free
_TWICE_S = 0.1  # DVC writes that file in place: what is half-written is read again after so long


def check_locks(subject: Subject) -> Iterator[Finding]:
    """Yield the lock on the project, and the commands that DVC has noted as running."""
    if subject.root is None:
        return
    if held(_LOCK):
        found = "held by DVC or `diziner repro`, which is running"
        yield Finding("DVC", "lock", "note", found, "wait for it to end", {"held": True, "running": []})
        return
    try:
        running = _running()
    except ValueError:
        found = f"{_ENTRIES} is damaged: DVC refuses to run"
        yield Finding("DVC", "lock", "problem", found, f"remove {_ENTRIES} while no DVC is running", {"held": False})
        return
    if running:
        found = f"in use by {listed(running)}"
        yield Finding("DVC", "lock", "note", found, "wait for it to end", {"held": False, "running": running})
    else:
        yield Finding("DVC", "lock", "ok", "free", facts={"held": False, "running": []})


def held(lock: Path) -> bool:
    """Return whether another process holds a lock file of DVC's. Errors: OSError."""
    try:
        import fcntl
    except ImportError:  # Windows: DVC locks another way there
        return False
    try:
        with lock.open("rb") as file:
            # Shared, so that two doctors do not take each other for DVC. Given back as the file is closed.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    return False


def _running() -> list[str]:
    """Return the commands that DVC has noted and whose process is alive. Errors: ValueError for no such list."""
    try:
        entries = jsontext.body(_ENTRIES.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except ValueError:
        time.sleep(_TWICE_S)
        entries = jsontext.body(_ENTRIES.read_bytes())
    try:
        reading = [entry for each in entries.get("read", {}).values() for entry in each]
        noted = [*entries.get("write", {}).values(), *reading]
        return sorted({f"`{entry['cmd']}` (process {entry['pid']})" for entry in noted if _alive(entry["pid"])})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from None


def _alive(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
