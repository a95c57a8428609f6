"""Digests of large files, worked out once: a stamp says which file it was."""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path

from diziner.common import jsontext
from diziner.common.files import write_json

_SETTLED_S = 2.0


def sha256_of(path: Path, stamps: Path) -> str:
    """Return the SHA-256 of a file. It is read once, and again once its size, its time or its inode has changed.

    `stamps` is a folder for what is known; where it cannot be written to, the file is read each time.
    Errors: OSError.
    """
    stamp = stamps / f"{path.name}.json"
    before = _mark(path)
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        known = jsontext.loads(stamp.read_bytes())
        if known["file"] == before:
            return str(known["sha256"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    # A file that was just written may be written again before its time moves on.
    if _mark(path) == before and time.time() - path.stat().st_mtime > _SETTLED_S:
        with contextlib.suppress(OSError):
            write_json(stamp, {"file": before, "sha256": digest})
    return digest


def _mark(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev]
