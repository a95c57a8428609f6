"""Processes on a Ray cluster: one beside the caller that keeps the answers, and one for each worker.

Errors of ours come back as values: Ray would wrap their one line in a page.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.common.version import VERSION
from diziner.labelling.answer_server import AnswerServer, Granted, Item
from diziner.labelling.input_files import InputDocument
from diziner.labelling.job import Job, recipe_digest
from diziner.labelling.output_folder import OutFolder, Report
from diziner.labelling.work import Labeller
from diziner.labelling.worker_store import WorkerStore, deliver_leftovers
from diziner.layout import Room, store_path
from diziner.llm.access import asker_for
from diziner.llm.ask import StoreAsker
from diziner.llm.ledger import Spending
from diziner.prompting.request import Reply


class ServerActor:
    """The process that has the caller's store: on the caller's machine, in the caller's folder."""

    def __init__(self, job: Job, root: Path) -> None:
        os.chdir(root)  # the store's path is relative to it
        self._job = job
        self._server: AnswerServer | None = None

    def call(self, method: str, *arguments: Any) -> Any:
        """Return what a method of `AnswerServer` returns, or its error."""
        try:
            if self._server is None:
                asker = asker_for(self._job.settings, Room(self._job.guideline.benchmark), at_once=True)
                self._server = AnswerServer(asker, self._job.label)
            return getattr(self._server, method)(*arguments)
        except DizinerError as error:
            return error

    def identity(self) -> str:
        """Return a name of the caller's store, for what workers leave behind."""
        return hashlib.sha256(f"{platform.node()} {store_path().resolve()}".encode()).hexdigest()[:16]


class FarServer:
    """The methods of an `AnswerServer` that is in a process elsewhere, `actor`."""

    def __init__(self, actor: Any) -> None:
        import ray

        self._ray, self._actor = ray, actor

    def identities(self) -> list[Spending]:
        found: list[Spending] = self._call("identities")
        return found

    def known(self, keys: Sequence[str], failures: bool = False) -> Mapping[str, Reply]:
        found: Mapping[str, Reply] = self._call("known", keys, failures)
        return found

    def claim(self, origin: str, keys: Sequence[str]) -> Granted:
        granted: Granted = self._call("claim", origin, keys)
        return granted

    def deliver(self, origin: str, items: Sequence[Item], given_up: Sequence[str], under_way: int) -> None:
        self._call("deliver", origin, items, given_up, under_way)

    def reserve(self, most: int, limit: int) -> int | None:
        reservation: int | None = self._call("reserve", most, limit)
        return reservation

    def standing(self) -> tuple[int, int]:
        standing: tuple[int, int] = self._call("standing")
        return standing

    def let_go(self, origin: str) -> None:
        self._call("let_go", origin)

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            outcome = self._ray.get(self._actor.call.remote(method, *arguments))
        except self._ray.exceptions.RayActorError:
            raise ProviderError(
                "the process that keeps the answers ended; run the same command again: what was answered is kept"
            ) from None
        if isinstance(outcome, DizinerError):
            raise outcome
        return outcome


class WorkerActor:
    """A process that labels one shard at a time. `root`: the folder to stand in, where that is on this machine."""

    def __init__(self, job: Job, server: Any, worker: int, workers: int, again: bool, root: Path | None) -> None:
        if root is not None:
            os.chdir(root)
        self._job, self._place, self._again = job, (worker, workers), again
        self._actor = server
        self._labeller: Labeller | None = None

    def ready(self) -> tuple[str, str] | DizinerError:
        """Make this worker's store, and deliver what workers before it have left on this machine; return the store's
        name and the machine's address."""
        import ray

        self._node = str(ray.util.get_node_ip_address())
        try:
            server = FarServer(self._actor)
            folder = _scratch() / ray.get(self._actor.identity.remote())
            deliver_leftovers(folder, server)
            self._store = WorkerStore(folder, server)
            settings = self._job.settings
            asker = StoreAsker(self._store, settings.endpoints, settings.weights, budget_usd=settings.budget_usd)
            self._refuse_another_recipe(asker)
        except DizinerError as error:
            return error
        except OSError as error:
            return self._told(error)
        self._folder = OutFolder(self._store.path.parent / "shards", self._job.format)
        self._labeller = Labeller(self._job, asker, self._folder, *self._place, self._answered, self._again)
        return self._store.name, self._node

    def label(self, name: str, documents: Sequence[InputDocument]) -> tuple[Report, bytes] | DizinerError:
        """Label a shard; return the report on it and its file's bytes."""
        assert self._labeller is not None
        self._store.under_way = 0
        try:
            report = self._labeller.label(name, documents)
            self._store.let_go()
            rows = self._folder.shard(name).read_bytes()
            self._folder.remove([self._folder.shard(name)])
        except DizinerError as error:
            return error
        except OSError as error:
            return self._told(error)
        return report, rows

    def close(self) -> None:
        """Remove the store, all of which was delivered."""
        self._store.remove()

    def _refuse_another_recipe(self, asker: StoreAsker) -> None:
        """Refuse to label where code, templates or plug-ins are not those of the command: rows would differ."""
        job = self._job
        try:
            mine = recipe_digest(job.guideline, job.annotators, job.answers, asker, job.format, job.ballot)
        except DizinerError as error:
            raise UserError(f"a worker on {self._node}: {error}") from None
        if mine != job.recipe:
            self._store.remove()
            raise UserError(
                f"a worker on {self._node} has other code than the command, of diziner ({VERSION}) or of a plug-in; "
                "install the same releases on every machine of the cluster"
            )

    def _told(self, error: OSError) -> UserError:
        return UserError(f"a worker on {self._node}: {error.filename or _scratch()}: {error.strerror or error}")

    def _answered(self) -> None:
        self._store.under_way += 1


def sweep(server: Any) -> int | DizinerError:
    """Deliver what lost workers have left on this machine, and remove it; return how many stores there were."""
    import ray

    try:
        return deliver_leftovers(_scratch() / ray.get(server.identity.remote()), FarServer(server))
    except DizinerError as error:
        return error


def _scratch() -> Path:
    """Return the folder of this machine in which workers have their stores; texts and answers are nobody else's."""
    folder = Path(tempfile.gettempdir()) / f"diziner-workers-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
