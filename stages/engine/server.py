"""The process that starts stage commands: by a fork of itself where the command is a stage script of ours.

A fork has Python and the libraries in memory that a fresh process would take seconds to load. The server learns
what to load from the stages that ran. It runs alone in its process, without threads, so that forks are safe; a job
is forked only while the source code is what was loaded, else it gets a fresh process. When the process that started
the server dies, however it dies, the server and all commands die too.

Messages are JSON lines. In: `{"job": {...}}`, `{"signal": 2}`. Out: `{"name": ..., "code": ...}`, code as of
`subprocess`: negative for a signal.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

# Loading these starts no thread, opens no connection and computes nothing (a test holds them to it).
WARM = frozenset(
    {"fastjsonschema", "jinja2", "joblib", "jsonschema", "litellm", "numpy", "openai", "polars", "scipy", "seqeval"}
    | {"sklearn", "stages", "yaml"}
)
SOURCES = Path("stages")
# Elsewhere system libraries may not outlive a fork.
_FORKS = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Job:
    """One stage's command. `lines` are started one after the other until one fails.

    `module` is the stage script that the only line runs, with `arguments`; "" for any other command.
    """

    name: str
    lines: list[list[str]]
    folder: str
    environment: dict[str, str]
    log: str
    module: str = ""
    arguments: tuple[str, ...] = ()


def source_state() -> tuple[tuple[str, int, int, int], ...]:
    """What changes when a source file does: path, inode, time and size of each, sorted."""
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
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
        return [json.loads(line) for line in lines]

    def _start(self, job: Job) -> Job | None:
        forked = _FORKS and bool(job.module) and source_state() == self._loaded
        if forked:
            # What a stage of this kind was seen to load is loaded here, once for all that follow.
            for name in self._loads.pop(job.module, []):
                _load(name)
            gc.freeze()
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
            report = {"name": job.name, "code": code}
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


def _load(name: str) -> None:
    # What cannot be loaded by itself is left to those who need it.
    with contextlib.suppress(ImportError, AttributeError):
        importlib.import_module(name)


def _kill_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def die_with_parent(number: int, parent: int) -> None:
    """Have the kernel send this process a signal when `parent` dies (Linux); at once if it is dead already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, int(number), 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def run_job(job: Job, server: int) -> int:
    """Run a job in this process, a fork of the server, and return its exit code."""
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    with Path(os.devnull).open("rb") as nothing, Path(job.log).open("wb") as log:
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source.fileno(), target)
    os.environ.update(job.environment)
    os.chdir(job.folder)
    if not job.module:
        return _run_lines(job.lines, server)
    die_with_parent(signal.SIGKILL, server)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return _run_module(job)


def _run_lines(lines: list[list[str]], server: int) -> int:
    import subprocess

    def stop(*_: object) -> None:
        os.killpg(0, signal.SIGKILL)

    # SIGINT reaches the whole group: the command decides, this process waits for it.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, stop)
    die_with_parent(signal.SIGTERM, server)
    for line in lines:
        if code := subprocess.run(line, check=False).returncode:
            return code
    return 0


def _run_module(job: Job) -> int:
    before = set(sys.modules)
    sys.argv = [job.module, *job.arguments]
    sys.modules.pop(job.module, None)
    code = 0
    try:
        runpy.run_module(job.module, run_name="__main__", alter_sys=True)
    except SystemExit as stopped:
        if isinstance(stopped.code, str):
            raise
        code = stopped.code or 0
    fresh = [name for name in sys.modules if name not in before and name.partition(".")[0] in WARM]
    Path(f"{job.log}.modules").write_text("\n".join(fresh), encoding="utf-8")
    return code


def main() -> None:
    """`python -m stages.engine.server FD PARENT`: serve the socket FD until the process PARENT is gone."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    server = os.getpid()
    die_with_parent(signal.SIGTERM, int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Read when litellm is loaded: without it litellm asks the network for a price file.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    job = Server(connection).serve()
    _leave(run_job(job, server))


def _leave(code: int) -> NoReturn:
    """End a fork. A negative code is a signal: it becomes this process's end too."""
    if code < 0:
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    # What Python does at its end, but for taking apart all that the server had loaded: that costs more than a stage.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
