"""Client of the fork server: hands it jobs, hears of their ends, stops them."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from diziner.common import jsontext
from diziner.common.errors import DizinerError, UserError
from diziner.repro.job import Job

LAUNCHER = ("sh", "stages/run")
# With one of these a line is more than words: a shell has to read it.
_SHELL = frozenset("|&;<>()$`\\\"'*?[]#~=%{}!\n")


@dataclass(frozen=True, slots=True)
class Ended:
    """A job's end; `code` is negative for a signal.

    `threads` are those for which the server did not dare to fork: the job got a process of its own.
    """

    name: str
    code: int
    threads: tuple[str, ...] = ()


def stage_script(line: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the module and arguments of `sh stages/run x …`; None for any other command.

    >>> stage_script("sh stages/run annotate conll2003 --round 0")
    ('stages.annotate', ('conll2003', '--round', '0'))
    >>> stage_script("sh stages/run annotate conll2003 > log")
    """
    if _SHELL & set(line):
        return None
    words = shlex.split(line)
    if len(words) < 3 or tuple(words[:2]) != LAUNCHER or not words[2].isidentifier():
        return None
    return f"stages.{words[2]}", tuple(words[3:])


def stage_python(root: Path) -> str:
    """Ask a project's launcher which Python its stages get, when this process starts them.

    Without a launcher it is the Python of this process.
    Errors: UserError as the launcher says it, if none will do.
    """
    if not (root / LAUNCHER[-1]).is_file():
        return sys.executable
    asked = subprocess.run([*LAUNCHER, "--python"], cwd=root, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise UserError(asked.stderr.strip().removeprefix("error: "))
    return asked.stdout.rstrip("\n")


class Workers:
    """A server for the project in `root`, started with the first job. To be used as a context."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._buffer = b""

    def start(self, job: Job) -> None:
        """Start a job; `ended` tells of its end."""
        if self._socket is None:
            self._socket = self._open()
        self._send({"job": asdict(job)})

    def fileno(self) -> int | None:
        """Return what becomes readable when a job has ended, for `select`; None before the first job."""
        return self._socket.fileno() if self._socket else None

    def ended(self) -> Iterator[Ended]:
        """Yield the jobs that have ended since the last call. Waits for news if there are none.

        Errors: DizinerError if the server is gone, and its jobs with it.
        """
        try:
            data = self._socket.recv(1 << 16) if self._socket else b""
        except ConnectionResetError:  # it went before it read the first job: an interpreter that is none, say
            data = b""
        if not data:
            raise DizinerError("the process that runs the stages is gone; run the same command again")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            news = jsontext.body(line)
            yield Ended(news["name"], news["code"], tuple(news["threads"]))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all jobs and to what they started."""
        if self._socket:
            self._send({"signal": int(number)})

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        # The interpreter that the commands would get, so that a fork is what they would have got.
        python = stage_python(self._root)
        with theirs:
            self._process = subprocess.Popen(
                [python, "-m", "diziner.repro.server", str(theirs.fileno()), str(os.getpid())],
                cwd=self._root,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        return ours

    def _send(self, message: object) -> None:
        # A server that is gone is noticed where its news are awaited.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            assert self._socket is not None
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        """End the server, and with it every job that is still running."""
        if self._socket and self._process:
            self._socket.close()
            self._process.wait()
