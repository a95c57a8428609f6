"""Engine `ray`: shards over the workers of a Ray cluster, or of one that is started here for the time of the run.

Nothing is shared but Ray: shards and rows travel through its object store, answers through one process beside the
caller (`diziner.labelling.answer_server`). A worker that is lost, alone or with its machine, gives way to a new one,
and its shard is done again by whoever is free: its answers have been delivered.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.wholenumbers import whole_number
from diziner.common.words import counted
from diziner.labelling.answer_server import Counts
from diziner.labelling.input_files import InputDocument
from diziner.labelling.job import Job
from diziner.labelling.output_folder import Report
from diziner.labelling.ray_actors import ServerActor, WorkerActor, sweep
from diziner.labelling.shards import Shard

ADDRESS = "RAY_ADDRESS"
_TRIES = 10  # of one shard, and of starting a worker: what kills a worker each time ends the run
_LOOK_S = 1.0
_LISTENS_S = 10.0
_CLOSES_S = 60.0
_PATIENCE_S = 30.0  # without any worker, until it is said that none has come


@dataclass(frozen=True, slots=True)
class Watcher:
    """What is told how the run goes: `counts` every second, `event` what happens to workers, with their machine."""

    counts: Callable[[Counts], None]
    event: Callable[[str, str], None]


def is_joined() -> bool:
    """Return whether a cluster is named, which a run joins."""
    return bool(os.environ.get(ADDRESS))


def on_ray(
    job: Job,
    shards: Iterable[tuple[Shard, list[InputDocument]]],
    most: int,
    workers: int | None,
    again: bool,
    watcher: Watcher,
) -> Iterator[tuple[Report, bytes]]:
    """Yield reports as they come, each with its shard's file. At most one shard a worker is in memory, and one on its
    way.

    `workers` as asked for; None: as many as there are processors. There are never more than `most`.
    Errors: UserError if Ray is not installed or cannot be reached; those of a shard; ProviderError once what kills
    workers does so time after time.
    """
    ray = _started(min(most, workers or os.cpu_count() or 1))
    try:
        if workers is None and is_joined():
            workers = int(ray.cluster_resources().get("CPU", 1))
        run = _Run(ray, job, min(most, workers or os.cpu_count() or 1), again, watcher)
        yield from run.reports(iter(shards))
        run.close()
    finally:
        ray.shutdown()


@dataclass(slots=True)
class _Place:
    """The place of one worker, and who has it now; `name` is that of its store, `node` its machine, once known."""

    number: int
    actor: Any
    name: str = ""
    node: str = ""
    starts: int = 0


@dataclass(slots=True)
class _Task:
    """A shard with its documents in Ray's object store, and how often it was begun."""

    shard: Shard
    documents: Any
    tries: int = 0


class _Run:
    """One labelling on a cluster. All calls are made by one thread, the caller's."""

    def __init__(self, ray: Any, job: Job, workers: int, again: bool, watcher: Watcher) -> None:
        self._ray, self._job, self._workers, self._again, self._watcher = ray, job, workers, again, watcher
        here = ray.get_runtime_context().get_node_id()
        beside = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        server = ray.remote(ServerActor).options(num_cpus=0, scheduling_strategy=beside)
        self._server = server.remote(job, Path.cwd())
        self._root = None if is_joined() else Path.cwd()
        self._idle: list[_Place] = []
        self._starting: dict[Any, _Place] = {}
        self._busy: dict[Any, tuple[_Place, _Task]] = {}
        self._again_to_do: deque[_Task] = deque()
        self._waited = 0.0
        self._lost = False

    def reports(self, shards: Iterator[tuple[Shard, list[InputDocument]]]) -> Iterator[tuple[Report, bytes]]:
        """Have all shards done; see `on_ray`."""
        self._asked("counts")  # a store that cannot be used is said before any worker is started
        for number in range(self._workers):
            self._start(_Place(number, None))
        ahead = self._next(shards)
        ended: tuple[Report, bytes] | None = None
        while ahead or self._busy or self._again_to_do:
            while self._idle and (self._again_to_do or ahead):
                task, ahead = (self._again_to_do.popleft(), ahead) if self._again_to_do else (ahead, None)
                assert task is not None
                self._give(task)
                ahead = ahead or self._next(shards)
            if ended:  # only now: the caller may take its time with it
                yield ended
                ended = None
                continue
            ready, _ = self._ray.wait([*self._busy, *self._starting], num_returns=1, timeout=_LOOK_S)
            if not ready:
                self._look()
            elif ready[0] in self._starting:
                self._has_started(ready[0])
            else:
                ended = self._has_ended(ready[0])
        if ended:
            yield ended

    def close(self) -> None:
        """Have the workers' stores removed, all of which was delivered, and the report on costs written.

        Where workers were lost, or are only starting, machines are swept of what they leave.
        """
        ended = [place.actor.close.remote() for place in self._idle]
        for place in self._starting.values():
            self._ray.kill(place.actor)
        if self._lost or self._starting:
            there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
            nodes = [node["NodeID"] for node in self._ray.nodes() if node["Alive"]]
            sweeps = [
                self._ray.remote(sweep).options(num_cpus=0, scheduling_strategy=there(n, soft=False)) for n in nodes
            ]
            ended += [each.remote(self._server) for each in sweeps]
        if ended:
            self._ray.wait(ended, num_returns=len(ended), timeout=_CLOSES_S)
        self._asked("write_report")
        self._look()

    def _next(self, shards: Iterator[tuple[Shard, list[InputDocument]]]) -> _Task | None:
        for shard, documents in shards:
            return _Task(shard, self._ray.put(documents))
        return None

    def _start(self, place: _Place) -> None:
        place.starts += 1
        options = self._ray.remote(WorkerActor).options(num_cpus=1, scheduling_strategy="SPREAD")
        place.actor = options.remote(self._job, self._server, place.number, self._workers, self._again, self._root)
        self._starting[place.actor.ready.remote()] = place

    def _has_started(self, reference: Any) -> None:
        place = self._starting.pop(reference)
        try:
            outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            _refuse_unloaded(error)
            if place.starts >= _TRIES:
                raise ProviderError(f"a worker could not be started {_TRIES} times: {_reason(error)}") from None
            self._start(place)
            return
        if isinstance(outcome, DizinerError):
            raise outcome
        place.name, place.node = outcome
        place.starts = 0
        self._idle.append(place)
        self._watcher.event("worker_started", place.node)

    def _give(self, task: _Task) -> None:
        place = self._idle.pop(0)
        task.tries += 1
        self._busy[place.actor.label.remote(task.shard.name, task.documents)] = place, task

    def _has_ended(self, reference: Any) -> tuple[Report, bytes] | None:
        place, task = self._busy.pop(reference)
        try:
            outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:
            raise  # a bug of ours, with its page
        except self._ray.exceptions.RayError as error:
            if task.tries >= _TRIES:
                raise ProviderError(
                    f"shard {task.shard.name}: a worker died {_TRIES} times and was given up: {_reason(error)}"
                ) from None
            self._watcher.event("worker_lost", place.node)
            self._lost = True
            self._asked("let_go", place.name)
            self._again_to_do.append(task)
            self._start(place)
            return None
        if isinstance(outcome, DizinerError):
            raise outcome
        self._idle.append(place)
        self._look()
        report, rows = outcome
        return report, rows

    def _look(self) -> None:
        """Tell how far the workers are, and if there are none."""
        counts: Counts = self._asked("counts")
        self._watcher.counts(counts)
        self._waited = 0.0 if self._busy or self._idle else self._waited + _LOOK_S
        if self._waited >= _PATIENCE_S:
            self._waited = 0.0
            sys.stderr.write(
                f"waiting for Ray: {counted(len(self._starting), 'worker')}, of which each needs a free processor, and "
                "none has come\n"
            )
            sys.stderr.flush()

    def _asked(self, method: str, *arguments: Any) -> Any:
        try:
            outcome = self._ray.get(self._server.call.remote(method, *arguments))
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            _refuse_unloaded(error)
            raise ProviderError(
                f"the process that keeps the answers ended: {_reason(error)}; run the same command again: what was "
                "answered is kept"
            ) from None
        if isinstance(outcome, DizinerError):
            raise outcome
        return outcome


def _started(processors: int) -> Any:
    # Ray reports its use to its makers unless told not to, before it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get(ADDRESS, "")
    if address.startswith("ray://"):
        raise UserError(
            f"{ADDRESS}={address}: the command must run on a machine of the cluster, beside its answers: hand it in "
            "with `ray job submit`, or start it there with the address of the cluster itself"
        )
    _refuse_nobody(address)
    try:
        import ray
        import ray.exceptions
        import ray.util.scheduling_strategies
    except ImportError:
        raise UserError("--engine ray: Ray is not installed: run `python -m pip install 'diziner[ray]'`") from None
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if is_joined():
            # In a job that was handed in, the job says what workers run; else they are sent the code that runs here.
            in_job = "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
            package = str(Path(__file__).parents[1])
            ray.init(address, runtime_env=None if in_job else {"py_modules": [package]}, **quiet)
        else:
            ray.init("local", num_cpus=processors, include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        what = f"{ADDRESS}={address}: no cluster can be joined" if address else "--engine ray: Ray did not start"
        raise UserError(f"{what}: {_reason(error)}") from None
    return ray


def _refuse_nobody(address: str) -> None:
    """Say at once where nobody listens: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    number = whole_number(port)
    if not host or number is None:
        return
    try:
        socket.create_connection((host.strip("[]"), number), timeout=_LISTENS_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"{ADDRESS}={address}: no cluster can be joined: {error}") from None


def _refuse_unloaded(error: BaseException) -> None:
    """Say of a machine on which diziner, or something that it needs, is not installed: to try again would not help."""
    text = str(error)
    if "failed to import on the worker" in text or "ModuleNotFoundError" in text:
        last = [line for line in text.splitlines() if line.strip()][-1].strip()
        raise UserError(
            f"--engine ray: a machine of the cluster cannot load diziner: {last[:200]}; install diziner, with all that "
            "it needs, on each of them"
        )


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
