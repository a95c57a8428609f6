"""Job: a stage's command in the process that runs it, a fork of the server or one that is started for it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from diziner.common import jsontext
from diziner.repro.preload import WARM


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


def die_with_parent(number: int, parent: int) -> None:
    """Have the kernel send this process a signal when `parent` dies (Linux); at once if it is dead already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, int(number), 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def run_job(job: Job, server: int) -> int:
    """Run a job in this process, a child of `server`, and return its exit code."""
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


def leave(code: int) -> NoReturn:
    """End the process of a job. A negative code is a signal: it becomes this process's end too."""
    if code < 0:
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    # What Python does at its end, but for taking apart all that is loaded: that costs more than a stage.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def spawn(job: Job) -> int:
    """Start a process that runs one job, in a group of its own, and return its id.

    Nothing is forked: this process may have threads.
    """
    note = Path(f"{job.log}.job")
    note.write_text(json.dumps(asdict(job)), encoding="utf-8")
    words = [sys.executable, "-m", "diziner.repro.job", str(note), str(os.getpid())]
    return os.posix_spawn(sys.executable, words, os.environ, setpgroup=0, setsigdef=[signal.SIGINT])


def main() -> None:
    """Run the job written in FILE until the process SERVER is gone: `python -m diziner.repro.job FILE SERVER`."""
    note = Path(sys.argv[1])
    job = Job(**jsontext.body(note.read_bytes()))
    note.unlink()
    leave(run_job(job, int(sys.argv[2])))


if __name__ == "__main__":
    main()
