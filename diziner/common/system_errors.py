"""Errors of the operating system in words: what, where, and what to do about it. They are the user's to mend."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
import tempfile
from pathlib import Path

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room there and run the same command again"),
    errno.EFBIG: "files may not get so large there (ulimit -f, or the file system): raise the limit",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "let your user read and write there, or name another place"),
    errno.EROFS: "name a place that can be written to",
    errno.ENAMETOOLONG: "take a shorter name",
    errno.EISDIR: "a file is meant, and a folder is there",
    errno.ENOTDIR: "a folder is meant, and a file is there",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit (ulimit -n 4096) and run the same command again"),
    errno.ELOOP: "links lead in a circle there",
    errno.EADDRINUSE: "another program listens there: end it, or name another port",
    errno.ENOMEM: "end other programs and run the same command again",
    errno.EIO: "the disk or network drive fails: look into the system's log",
    errno.ESTALE: "the network drive was taken away: mount it again",
}
_OF_THIS_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE),
}
_NO_ROOM = 1 << 16  # bytes
_DEEPEST = 30  # errors behind one another


def in_words(error: OSError) -> str:
    """Return an error of the operating system on one line: place, what it says, what to do.

    >>> in_words(OSError(errno.ENOSPC, "No space left on device", "out.json"))
    'out.json: No space left on device; make room there and run the same command again'
    >>> in_words(TimeoutError())
    'TimeoutError'
    """
    said = error.strerror or " ".join(str(error).split()) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "")
    where = "".join(f"{_shown(name)}: " for name in (error.filename, error.filename2) if name is not None)
    if not where and error.errno == errno.ENOSPC:
        where = _full_place()
    return f"{where}{said}{f'; {remedy}' if remedy else ''}"


def of_this_machine(error: BaseException) -> OSError | None:
    """Return the error of this machine's disk, limits or rights that is behind an error of a library, if there is one.

    >>> of_this_machine(RuntimeError()), of_this_machine(ConnectionResetError(errno.ECONNRESET, "reset"))
    (None, None)
    """
    found: BaseException | None = error
    for _ in range(_DEEPEST):
        if found is None:
            break
        if isinstance(found, OSError) and found.errno in _OF_THIS_MACHINE:
            return found
        found = found.__cause__ or found.__context__
    return None


def flush_output() -> None:
    """Write out what standard output and error still hold. Errors: OSError.

    Else it is Python that finds a closed pipe or a full disk, at its very end, and says so in a way of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def output_is_closed() -> bool:
    """Return whether nobody reads any more what standard output or standard error writes into a pipe."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            look = select.poll()
            look.register(stream.fileno(), 0)
            if any(events & (select.POLLERR | select.POLLHUP) for _, events in look.poll(0)):
                return True
    return False


def drop_unwritable() -> None:
    """Have what standard output and error hold, and cannot write, go nowhere: Python tries once more at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _full_place() -> str:
    """Return which of the folders that are written to has no room, where an error does not say; "" if all have."""
    for path in (Path(), Path(tempfile.gettempdir()), Path.home()):
        with contextlib.suppress(OSError):
            disk = os.statvfs(path)
            if disk.f_bavail * disk.f_frsize < _NO_ROOM:
                return f"{path.absolute()}: "
    return ""


def _shown(name: object) -> str:
    """Return a file's name as people are shown it: below the current folder if it is there, and cut if it is long."""
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if not isinstance(name, str | os.PathLike):
        return f"file {name}"
    path = Path(name)
    try:
        here = Path.cwd()
        text = str(path.relative_to(here) if path.is_relative_to(here) else path)
    except OSError:  # the current folder was removed
        text = str(path)
    return text if len(text) <= 200 else f"{text[:80]}…{text[-80:]}"
