"""Fork server: starts stage commands, by a fork of itself where the command is a stage script of ours.

A fork has Python and the libraries in memory that a fresh process would take seconds to load. The server learns
what to load from the stages that ran. A job is forked only while the source code is what was loaded, else it gets a
fresh process. When the process that started the server dies, however it dies, the server and all commands die too.

A fork of a process with threads may wait for ever for one that it does not have. So the server starts none, loads
libraries without any (`diziner.repro.preload`), and counts before each fork: if there is another thread after all,
the job gets a process that is started for it, and the report of its end names the threads.

Messages are JSON lines. In: `{"job": {...}}`, `{"signal": 2}`. Out: `{"name": ..., "code": ..., "threads": [...]}`,
code as of `subprocess`: negative for a signal; threads is empty but for such a job.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.repro.job import Job, die_with_parent, leave, run_job, spawn
from diziner.repro.preload import load
from diziner.repro.threads import others

SOURCES = ("stages/*.py", "diziner/**/*.py", "diziner/**/*.json")
# Elsewhere system libraries may not outlive a fork.
_FORKS = sys.platform == "linux"


def source_state() -> tuple[tuple[str, int, int, int], ...]:
    """Return what changes when a source file or schema does: path, inode, time and size of each, sorted."""
    found = []
    for path in sorted(path for pattern in SOURCES for path in Path().glob(pattern)):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((str(path), status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)


class Server:
    """Starts jobs, reports their ends. `serve` returns only in a fork, with the job that the fork is to run."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._running: dict[int, Job] = {}
        self._threads: dict[int, list[str]] = {}
        self._loaded = source_state()
        self._loads: dict[str, list[str]] = {}
        self._wake, wake_up = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_up, False)
        signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._end())

    def serve(self) -> Job:
        """Take messages until a fork returns with its job. Ends the process when the other side is gone."""
        while True:
            ready, _, _ = select.select([self._connection.fileno(), self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._connection.fileno() in ready:
                for message in self._received():
                    if "signal" in message:
                        self._signal(message["signal"])
                    elif job := self._start(Job(**message["job"])):
                        return job

    def _received(self) -> list[dict[str, Any]]:
        data = self._connection.recv(1 << 16)
        if not data:
            self._end()
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [jsontext.body(line) for line in lines]

    def _start(self, job: Job) -> Job | None:
        forked = _FORKS and bool(job.module) and source_state() == self._loaded
        if forked and not others():
            # What a stage of this kind was seen to load is loaded here, once for all that follow.
            load(self._loads.pop(job.module, []))
            gc.freeze()
        if threads := others():
            process = spawn(job)
            self._threads[process] = threads
        else:
            process = os.fork()
        if process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.setpgid(process, process)
            self._running[process] = job
            return None
        os.setpgid(0, 0)
        self._running.clear()
        signal.set_wakeup_fd(-1)
        self._connection.close()
        return job if forked else Job(job.name, job.lines, job.folder, job.environment, job.log)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            job, code = self._running.pop(process), os.waitstatus_to_exitcode(status)
            if code < 0:
                # Killed: what it had started may not go on writing.
                _kill_group(process)
            self._learn(job)
            report = {"name": job.name, "code": code, "threads": self._threads.pop(process, [])}
            self._connection.sendall(json.dumps(report).encode() + b"\n")

    def _learn(self, job: Job) -> None:
        path = Path(f"{job.log}.modules")
        with contextlib.suppress(FileNotFoundError):
            self._loads[job.module] = path.read_text(encoding="utf-8").split()
            path.unlink()

    def _signal(self, number: int) -> None:
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, number)

    def _end(self) -> None:
        for process in self._running:
            _kill_group(process)
        os._exit(0)


def _kill_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def main() -> None:
    """Serve the socket FD until the process PARENT is gone: `python -m diziner.repro.server FD PARENT`."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    # Only this process holds it: its end is seen at once.
    connection.set_inheritable(False)
    server = os.getpid()
    die_with_parent(signal.SIGTERM, int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Read when litellm is loaded: without it litellm asks the network for a price file.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    job = Server(connection).serve()
    leave(run_job(job, server))


if __name__ == "__main__":
    main()
