"""Findings: one thing that a check looked at, how it stands, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from diziner.common.errors import DizinerError
from diziner.common.words import counted

State = Literal["ok", "note", "problem"]

# Errors that leave a check without its object: a missing package, an unreadable file, broken contents. RuntimeError
# is NumPy's for processor features it cannot do without, pathlib's for no home, and Python's for endless nesting.
CANNOT = (DizinerError, ImportError, OSError, RuntimeError, ValueError)

_LONGEST = 300  # characters of a reason: NumPy's for a broken installation is a page


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `found` says in a line how it is, `mend` what to do about it (None: nothing). A `problem` stops work or falsifies
    results and fails `--strict`; a `note` is worth knowing. `facts` are the same for programs, as JSON has it.
    """

    section: str
    name: str
    state: State
    found: str
    mend: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def reason(error: BaseException) -> str:
    """Return one line that says what went wrong: an operating system's reason with its file, else the error's text.

    >>> reason(ValueError("no\\n  number"))
    'no number'
    >>> reason(PermissionError(13, "Permission denied", "store"))
    'store: Permission denied'
    >>> reason(RuntimeError())
    'RuntimeError'
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def amount(size: int) -> str:
    """Return a number of bytes for people.

    >>> amount(1_120_000_000), amount(98_000_000), amount(12)
    ('1.1 GB', '98 MB', '12 bytes')
    """
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else counted(size, "byte")


def is_folder(path: Path) -> bool:
    """Return whether there is a folder of that name. Errors: OSError where that cannot be seen, on every Python."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return path.is_dir()
