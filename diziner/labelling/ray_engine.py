"""Engine `ray`: shards over worker processes. A worker that dies is started again, and its shard done again.

Ray is imported here only, and runs on this machine only, where the response store is: workers wait for models most
of the time, and what a cluster is needed for is the models (docs/label-at-scale.md).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.labelling.input_files import InputDocument
from diziner.labelling.job import Job
from diziner.labelling.output_folder import Report
from diziner.labelling.shards import Shard
from diziner.labelling.work import Labeller

_RESTARTS = 10  # of one worker, and tries of one shard: a shard that kills its worker each time ends the run


class _Worker:
    """A process with a labeller. Errors of ours come back as values: Ray would wrap their one line in a page."""

    def __init__(self, job: Job, worker: int, workers: int, root: Path, again: bool) -> None:
        os.chdir(root)  # the store's path is relative to it
        self._labeller = Labeller(job, worker, workers, again=again)

    def label(self, name: str, documents: Sequence[InputDocument]) -> tuple[Report, int] | DizinerError:
        before = self._labeller.nano_usd
        try:
            return self._labeller.label(name, documents), self._labeller.nano_usd - before
        except DizinerError as error:
            return error


def on_ray(
    job: Job, shards: Iterable[tuple[Shard, list[InputDocument]]], workers: int, again: bool = False
) -> Iterator[tuple[Report, int]]:
    """Yield reports as they come, each with its cost (`Labeller.nano_usd`). At most one shard a worker is in memory,
    and one
    on its way.

    Ray is started for the time of the run; a cluster that RAY_ADDRESS names is not joined.
    Errors: UserError if Ray is not installed or does not start; those of a shard.
    """
    ray = _started(workers)
    try:
        actor = ray.remote(_Worker).options(max_restarts=_RESTARTS, max_task_retries=_RESTARTS, num_cpus=1)
        idle = [actor.remote(job, worker, workers, Path.cwd(), again) for worker in range(workers)]
        busy: dict[Any, Any] = {}
        for shard, documents in shards:
            if not idle:
                yield from _finished(ray, busy, idle)
            worker = idle.pop()
            busy[worker.label.remote(shard.name, documents)] = worker
        while busy:
            yield from _finished(ray, busy, idle)
    finally:
        ray.shutdown()


def _finished(ray: Any, busy: dict[Any, Any], idle: list[Any]) -> Iterator[tuple[Report, int]]:
    """Wait for one shard; its worker is idle then."""
    [ready], _ = ray.wait(list(busy), num_returns=1)
    idle.append(busy.pop(ready))
    try:
        outcome = ray.get(ready)
    except ray.exceptions.RayActorError as error:
        reason = " ".join(str(error).split())[:200]
        raise ProviderError(f"a worker died {_RESTARTS} times and was given up: {reason}") from None
    if isinstance(outcome, DizinerError):
        raise outcome
    yield outcome


def _started(workers: int) -> Any:
    # Ray reports its use to its makers unless told not to, before it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise UserError(
            "--engine ray: Ray is not installed: run `.venv/bin/python -m pip install 'ray>=2.50'`"
        ) from None
    try:
        ray.init("local", num_cpus=workers, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--engine ray: Ray did not start: {reason}") from None
    return ray
