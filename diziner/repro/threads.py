"""Threads of this process as the system counts them: those that libraries started too, unknown to Python."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

_TASKS = Path("/proc/self/task")


def others() -> list[str]:
    """List the names of the threads beside the calling one, sorted.

    On systems without /proc only those that Python knows of.
    """
    if not _TASKS.exists():
        return sorted(thread.name for thread in threading.enumerate() if thread is not threading.current_thread())
    own = str(threading.get_native_id())
    names = []
    for task in _TASKS.iterdir():
        # One that ends meanwhile is not there.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if task.name != own:
                names.append((task / "comm").read_text(encoding="utf-8", errors="replace").strip())
    return sorted(names)
