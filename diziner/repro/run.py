"""One run: takes ready stages in order, has their commands run by workers, and keeps what they made.

Everything that touches DVC happens here, in one thread. Signals are only noted while it does, so that
nothing is left half-kept.
"""

from __future__ import annotations

import contextlib
import re
import select
import shutil
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diziner.endpoints import run_servers
from diziner.repro.dvc_graph import DvcGraph, StageError, State, open_graph
from diziner.repro.failures import failures_at
from diziner.repro.job import Job
from diziner.repro.lockfiles import LockFiles
from diziner.repro.outcome import Failure, Outcome
from diziner.repro.plan import Ready, Step
from diziner.repro.view import View, last_lines, notes, waits_for
from diziner.repro.workers import Workers, stage_script

LOGS = Path(".dvc") / "tmp" / "diziner"
TURNS = LOGS / "turns"
MODELS = LOGS / "models"
# Where stages find the limits they share; read by diziner.llm.shared_limits.
TURNS_VARIABLE = "DIZINER_TURNS"

# After a signal to stop, commands may come to their end by themselves, then are interrupted, then killed.
_FINISH_S = 2.0
_INTERRUPT_S = 4.0
_TICK_S = 0.25
_PROVIDER = 3  # the exit code of a stage whose answers did not come
_ERROR = "error: "  # how the line of a UserError begins
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a run may leave out: a group whose stage of the kind `first` cannot do its work (exit code 2), and with it
    all the group's stages. `known` names groups of which that is known beforehand, with the reasons; `ending` is what
    stands behind a reason for those who run the stage alone; `note` is told of each group why it is left out, "" of one
    that is not (yet)."""

    first: str
    known: Callable[[DvcGraph], Mapping[str, str]]
    ending: Callable[[str], str]
    note: Callable[[str, str], None]


def reproduce(
    root: Path,
    targets: Sequence[str],
    jobs: int,
    force: bool,
    keep_going: bool,
    view: View,
    leaving: Leaving | None = None,
    anew: Collection[str] = (),
) -> Outcome:
    """Bring the stages that `targets` need up to date, up to `jobs` commands at once.

    With `leaving`, groups that lack what they begin with are left out, and the rest does without them. `anew` are kinds
    of stages that run even if DVC sees no change.
    Errors: UserError for what keeps the run from starting; DizinerError if the workers are lost.
    A failed stage is no error here: it is in the outcome.
    """
    with open_graph(root, targets) as graph, Workers(root) as workers, view:
        shutil.rmtree(root / LOGS, ignore_errors=True)
        (root / TURNS).mkdir(parents=True)
        run = _Run(root, graph, workers, view, jobs, force, keep_going, leaving, anew)
        run.leave_out_known()
        with _signals(run), run_servers.kept(root / MODELS):
            run.loop()
        view.close(run.outcome)
        return run.outcome


class _Run:
    def __init__(
        self,
        root: Path,
        graph: DvcGraph,
        workers: Workers,
        view: View,
        jobs: int,
        force: bool,
        keep_going: bool,
        leaving: Leaving | None = None,
        anew: Collection[str] = (),
    ) -> None:
        self._root = root
        self._graph = graph
        self._workers = workers
        self._view = view
        self._jobs = jobs
        self._force = force
        self._anew = anew
        self._keep_going = keep_going
        self._leaving = leaving
        self._ready = Ready(graph.steps)
        self._steps = {step.name: step for step in graph.steps}
        self._locks = LockFiles(graph.read_lock)
        self._running: dict[str, float] = {}
        self._stopped_at: float | None = None
        self._sent = 0
        self._told = False
        self.outcome = Outcome()
        self._record = failures_at(root)
        self._record.begin(graph.steps, graph.commands())
        view.begin(graph.steps, jobs)

    def leave_out_known(self) -> None:
        """Leave out what cannot run, as far as that is known before anything does. If that is every group, what spans
        groups is left as it is too: there is nothing new to sum up."""
        if self._leaving is None:
            return
        known = self._leaving.known(self._graph)
        groups = {step.group for step in self._graph.steps if step.kind == self._leaving.first}
        for group in groups - known.keys():
            self._leaving.note(group, "")
        for group, why in sorted(known.items()):
            self._leave_out(group, why, put_away=known.keys() < groups)
        if known and known.keys() == groups:
            rest = [step for step in self._graph.steps if step.group not in groups]
            self._ready.leave_out(step.name for step in rest)
            self._view.forget(rest)

    def _leave_out(self, group: str, why: str, put_away: bool = True) -> None:
        own = [step for step in self._graph.steps if step.group == group]
        if put_away:
            self._graph.put_away(step.name for step in own)
        if self._leaving:
            self._leaving.note(group, why)
        self._ready.leave_out(step.name for step in own)
        self.outcome.left_out[group] = why
        self._record.leave_out(group, why)
        self._view.left_out(group, own, why)

    def stop(self, number: int) -> None:
        """Start nothing more. The first call gives commands time to end; the next interrupts, one more kills them."""
        self.outcome.signal = self.outcome.signal or number
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
        else:
            self._stopped_at -= _INTERRUPT_S if self._sent else _FINISH_S

    def loop(self) -> None:
        try:
            while True:
                self._fill()
                self._locks.flush()
                if not self._running:
                    return
                self._wait(_TICK_S)
                if self._stopped_at is not None:
                    self._press(time.monotonic() - self._stopped_at)
        finally:
            self._locks.flush(now=True)

    def _fill(self) -> None:
        while len(self._running) < self._jobs and self._may_start():
            step = self._ready.take()
            if step is None:
                return
            self._begin(step)
            # What has ended meanwhile may be what others wait for.
            self._wait(0)
            self._locks.flush()

    def _may_start(self) -> bool:
        return self._stopped_at is None and (self._keep_going or not self.outcome.failures)

    def _begin(self, step: Step) -> None:
        try:
            self._locks.flush_within(self._graph.dependencies(step.name))
            state = self._graph.prepare(step.name, self._force or step.kind in self._anew)
            self._tell_removed()
            if state is State.RUN:
                self._workers.start(self._job(step))
                self._running[step.name] = time.monotonic()
                self._view.started(step, self._log(step))
                return
            if state is State.CACHED:
                self._keep(step)
                self.outcome.cached += 1
            else:
                self.outcome.unchanged += 1
        except StageError as error:
            self._fail(Failure(step, 2, str(error)))
            return
        self._view.ended(step, state.value, None)
        self._ready.done(step.name)

    def _wait(self, seconds: float) -> None:
        server = self._workers.fileno()
        ready = select.select([server] if server is not None else [], [], [], seconds)[0]
        for ended in self._workers.ended() if ready else ():
            self._tell(ended.threads)
            self._end(self._steps[ended.name], ended.code)
        self._view.tick()

    def _tell(self, threads: Sequence[str]) -> None:
        """Say once that stages start slowly, and why: the server has threads and does not fork."""
        if threads and not self._told:
            self._told = True
            why = f"the process that starts stages has threads ({', '.join(threads)})"
            self._view.say(f"note      {why}: each stage gets a new process, which is slower")

    def _tell_removed(self) -> None:
        for line in self._graph.removed():
            self._view.say(f"rotted    {line}")

    def _end(self, step: Step, code: int) -> None:
        seconds = time.monotonic() - self._running.pop(step.name)
        if code:
            if code == _PROVIDER and (words := waits_for(self._log(step))):
                self.outcome.waiting.append(Failure(step, code, words, self._log(step)))
                self._ready.failed(step.name)
                self._view.ended(step, "waiting", None)
            elif self._stopped_at is None and code == 2 and (reason := self._left_out_for(step)):
                self._leave_out(step.group, reason)
            elif self._stopped_at is None:
                why = f"ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
                self._fail(Failure(step, code, why, self._log(step)))
            else:
                self._ready.failed(step.name)
                self.outcome.stopped += 1
                self._view.ended(step, "stopped", seconds)
            return
        try:
            self._graph.finish(step.name)
            self._tell_removed()
            self._keep(step)
        except StageError as error:
            self._fail(Failure(step, error.code, str(error), self._log(step)))
            return
        self.outcome.ran += 1
        self._view.ended(step, "finished", seconds)
        for note in notes(self._log(step)):
            self._view.note(step, note)
        self._ready.done(step.name)

    def _keep(self, step: Step) -> None:
        if entry := self._graph.lock_entry(step.name):
            self._locks.put(*entry)

    def _fail(self, failure: Failure) -> None:
        self.outcome.failures.append(failure)
        self._record.fail(failure.step.name, self._told_by(failure))
        lost = self._ready.failed(failure.step.name)
        self._view.failed(failure.step, failure.message, failure.log)
        if self._keep_going:
            self.outcome.skipped += lost
            for name in lost:
                self._view.ended(self._steps[name], "skipped", None)

    def _press(self, waited: float) -> None:
        """Stop commands that are still running: interrupt them, then kill them."""
        for sent, after, number in ((1, _FINISH_S, signal.SIGINT), (2, _FINISH_S + _INTERRUPT_S, signal.SIGKILL)):
            if self._sent < sent and waited >= after:
                self._sent = sent
                self._workers.signal(number)

    def _told_by(self, failure: Failure) -> str:
        """Return why a stage failed: what it said itself, else how it ended."""
        said = [line for line in last_lines(failure.log, 1000) if line.startswith(_ERROR)] if failure.log else []
        return said[-1].removeprefix(_ERROR) if said else failure.message

    def _left_out_for(self, step: Step) -> str:
        """Return why a benchmark is left out, as its first stage said; "" where that failed for another reason, such as
        a full disk."""
        if self._leaving is None or step.kind != self._leaving.first:
            return ""
        ending = self._leaving.ending(step.group)
        said = [line for line in last_lines(self._log(step), 1000) if line.startswith(_ERROR)]
        return said[-1].removeprefix(_ERROR).removesuffix(ending) if said and said[-1].endswith(ending) else ""

    def _job(self, step: Step) -> Job:
        command = self._graph.command(step.name)
        here = command.folder.resolve() == self._root.resolve()
        script = stage_script(command.lines[0]) if here and len(command.lines) == 1 else None
        module, arguments = script or ("", ())
        environment = {**command.environment, **_shared(self._root)}
        lines = [list(words) for words in command.words]
        return Job(step.name, lines, str(command.folder), environment, str(self._log(step)), module, arguments)

    def _log(self, step: Step) -> Path:
        return self._root / LOGS / f"{re.sub(r'[^A-Za-z0-9_.@-]+', '_', step.name)}.log"


def _shared(root: Path) -> dict[str, str]:
    return {TURNS_VARIABLE: str(root / TURNS), run_servers.VARIABLE: str(root / MODELS)}


@contextlib.contextmanager
def _signals(run: _Run) -> Iterator[None]:
    before = {number: signal.signal(number, lambda number, _: run.stop(number)) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
