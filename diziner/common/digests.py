"""Digests of files: SHA-256, worked out once for large ones, and MD5 as DVC names files and folders by."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

from diziner.common import jsontext
from diziner.common.files import write_json

_SETTLED_S = 2.0


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks. Errors: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_md5(path: Path) -> str:
    """Return the MD5 of a file, read in blocks. Errors: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_md5(files: Mapping[str, str]) -> str:
    """Return what DVC names a folder's content by, from the MD5 of each file by its path below the folder."""
    rows = [{"md5": digest, "relpath": path} for path, digest in sorted(files.items())]
    return f"{hashlib.md5(json.dumps(rows).encode(), usedforsecurity=False).hexdigest()}.dir"


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
    digest = file_sha256(path)
    # A file that was just written may be written again before its time moves on.
    if _mark(path) == before and time.time() - path.stat().st_mtime > _SETTLED_S:
        with contextlib.suppress(OSError):
            write_json(stamp, {"file": before, "sha256": digest})
    return digest


def _mark(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev]
