"""Worker processes that try cases: one that dies or hangs costs its case, and another goes on with the rest.

They are forked, so that what is imported once is there in all of them. The parent imports nothing that starts threads.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from projects import kept_folder

from attack.findings import Case, Finding, Part, raised

_START_S = 300.0  # the most that a worker may take to prepare its place
_CONTEXT = multiprocessing.get_context("fork")


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    folder: Path
    case: Case | None = None
    since: float = 0.0


def tried(part: Part, cases: Sequence[Case]) -> Iterator[tuple[Case, Finding]]:
    """Try cases in workers; yields each with what it came to, in the order in which they end."""
    left = list(reversed(cases))
    workers: list[_Worker] = []
    try:
        while left or any(worker.case for worker in workers):
            while left and len(workers) < min(part.workers, len(left) + len(workers)):
                workers.append(_begun(part))
                _hand(workers[-1], left)
            for pipe in wait([worker.pipe for worker in workers], timeout=1.0):
                worker = next(each for each in workers if each.pipe is pipe)
                case = worker.case
                assert case is not None
                try:
                    finding: Finding = worker.pipe.recv()
                except EOFError:
                    worker.process.join()
                    yield case, _died(worker.process.exitcode)
                    workers.remove(_ended(worker))
                    continue
                yield case, finding
                worker.case = None
                if left:
                    _hand(worker, left)
                else:
                    workers.remove(_ended(worker))
            for worker in list(workers):
                if worker.case and time.monotonic() - worker.since > part.limit_s:
                    yield worker.case, Finding("traceback", f"hung: no end within {part.limit_s:.0f} s")
                    workers.remove(_ended(worker))
    finally:
        for worker in workers:
            _ended(worker)


def _begun(part: Part) -> _Worker:
    ours, theirs = _CONTEXT.Pipe()
    folder = Path(tempfile.mkdtemp(prefix=f"{part.name}-", dir=kept_folder()))
    process = _CONTEXT.Process(target=_work, args=(part, folder, theirs), daemon=False)
    process.start()
    theirs.close()
    if not ours.poll(_START_S):
        raise RuntimeError(f"attack {part.name}: a worker did not start within {_START_S:.0f} s")
    ready = ours.recv()
    if ready is not None:
        raise RuntimeError(f"attack {part.name}: a worker could not start: {ready}")
    return _Worker(process, ours, folder)


def _hand(worker: _Worker, left: list[Case]) -> None:
    worker.case = left.pop()
    worker.since = time.monotonic()
    with contextlib.suppress(BrokenPipeError):  # it is dead: told by the end of its pipe
        worker.pipe.send(worker.case.given)


def _ended(worker: _Worker) -> _Worker:
    """End a worker and all that it started, and remove its folder."""
    worker.pipe.close()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid or 0, signal.SIGKILL)
    worker.process.join()
    shutil.rmtree(worker.folder, ignore_errors=True)
    return worker


def _died(code: int | None) -> Finding:
    if code is not None and code < 0:
        return Finding("traceback", f"the process died of {signal.Signals(-code).name}")
    return Finding("traceback", f"the process ended itself with exit code {code}")


def _work(part: Part, folder: Path, pipe: Connection) -> None:
    """Try what comes through the pipe, in a process group of its own, until the pipe is closed."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Libraries write to the terminal past sys.stderr; nothing of it belongs into the report.
    silent = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(silent, number)
    caught = Caught()
    with caught:
        attempt = part.prepared(folder)
    pipe.send(None if caught.error is None else raised(caught.error).detail)
    while caught.error is None:
        try:
            given = pipe.recv()
        except EOFError:
            return
        trial = Caught()
        with trial:
            finding = attempt(given)
        pipe.send(finding if trial.error is None else raised(trial.error))


class Caught:
    """A block that nothing escapes: what was raised in it is kept."""

    error: BaseException | None = None

    def __enter__(self) -> Caught:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return True
