"""Kind `local`: weights on this machine, behind an OpenAI-compatible server on loopback."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.endpoints import LOCAL_CONTEXT, Endpoint, Identity, Send, Weights, client
from diziner.endpoints.batching import BatchMode
from diziner.endpoints.local_server import start
from diziner.endpoints.machine_turn import machine_turn
from diziner.endpoints.prefix_files import BLOCK, PrefixFiles
from diziner.endpoints.provenance import local_provenance
from diziner.endpoints.run_servers import run_folder, run_server
from diziner.endpoints.slot import Slot
from diziner.endpoints.weights import weights_file
from diziner.layout import cache_folder
from diziner.prompting.request import ModelSettings, Refusal, Reply, Request, Response

ADDRESS = "local"


class Local:
    """Models whose weights are named and pinned by params `weights`."""

    is_free = True
    runs_here = True

    def check(self, endpoint: Endpoint) -> None:
        """See `Backend`."""
        if endpoint.base_urls:
            raise UserError("base_urls: only for kind hosted, in place of api_base")
        if endpoint.contexts:
            raise UserError("contexts: not for kind local, whose models are all started with `context`")

    def address(self, endpoint: Endpoint) -> str:
        """See `Backend`: the same on every machine, as the weights are."""
        return ADDRESS

    def batch_mode(self, endpoint: Endpoint) -> BatchMode | None:
        """See `Backend`: none."""
        return None

    def identity(self, response: Response) -> Identity:
        """See `Backend`: the model alone. The fingerprint says what computed the answer, and the weights are pinned.

        Earlier answers may report the path of the weights; it tells where they were, not what.
        """
        return Path(response.model).name, ""

    def models(self, endpoint: Endpoint) -> list[str] | None:
        """See `Backend`: params `weights` says."""
        return None

    def ready(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> None:
        """See `Backend`: the weights, and a key where one is named all the same."""
        endpoint.key()
        weights_file(model.model, weights)

    def connect(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> Send:
        """See `Backend`. Errors: UserError too for a `revision` that is not that of the weights."""
        path = weights_file(model.model, weights)
        if not model.revision or not path.stem.startswith(model.revision):
            raise UserError(
                f"params.yaml: {model.model}: revision is {model.revision or 'missing'}, but its weights are "
                f"{path.stem[:12]}; set revision to the first 12 digits of weights.sha256"
            )
        server = LocalServer(path, endpoint)
        server.slot()
        client.prepare()
        turn = asyncio.Lock()

        async def send(request: Request) -> Reply:
            # Between the slot's beginning and the answer no other request may come.
            async with turn:
                slot = server.slot()
                await slot.begin(request)
                return await complete_here(request, endpoint, f"{slot.root}/v1")

        return send


async def complete_here(request: Request, endpoint: Endpoint, base_url: str) -> Reply:
    """Make one call to a local server.

    It reports the path of its weights: only their name is the same on every machine. Its own fingerprint is that of
    a build, of which there are many without a number, so what computed the answer takes its place. How much of the
    prompt was at hand says nothing of the answer and depends on what was asked before, so it is not kept.
    """
    reply = await client.complete(request, replace(endpoint, provider="openai"), base_url)
    if isinstance(reply, Refusal):
        return reply
    fingerprint = local_provenance(endpoint.threads)
    return replace(reply, model=Path(reply.model).name, fingerprint=fingerprint, cached_tokens=0)


class LocalServer:
    """One model's server: the run's that this process is a stage of, else one of its own, which ends with it.

    It is started by the first `slot`.
    """

    def __init__(self, weights: Path, endpoint: Endpoint) -> None:
        self._weights = weights
        self._endpoint = endpoint
        self._context = endpoint.context or LOCAL_CONTEXT
        self._own: Any = None
        self._slot: Slot | None = None

    def slot(self) -> Slot:
        """Return the server's slot.

        Errors: UserError if the runtime is missing or refuses the file.
        """
        root = self._root()
        if self._slot is None or self._slot.root != root:
            limit = self._endpoint.prefix_cache_mib << 20
            self._slot = Slot(root, PrefixFiles(self._prefixes(), limit) if limit else None)
        return self._slot

    def _root(self) -> str:
        if self._own is not None:
            return str(self._own.listening_address)
        machine_turn(cache_folder() / "local-model.lock")
        started = self._weights, self._endpoint.threads, self._context, self._prefixes()
        if folder := run_folder():
            return run_server(folder, self._setting(), *started)
        self._own = start(*started)
        return str(self._own.listening_address)

    def _prefixes(self) -> Path:
        folder = cache_folder() / "prefixes" / self._setting()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _setting(self) -> str:
        """Return a name for all that the state of a slot depends on beside its tokens."""
        computed = local_provenance(self._endpoint.threads)
        parts = (self._weights.stem, computed, self._context, BLOCK)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
