"""Locks on files between processes, given back by the system when a process ends, however it ends."""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(file: IO[bytes]) -> bool:
    """Take the lock on an open file if no other has it; returns whether it was taken."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
