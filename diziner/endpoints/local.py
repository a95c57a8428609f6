"""Kind `local`: weights on this machine, behind an OpenAI-compatible server on loopback in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint, Identity, Send, Weights, client
from diziner.endpoints.machine_turn import machine_turn
from diziner.endpoints.weights import weights_file
from diziner.layout import cache_folder
from diziner.prompting.request import ModelSettings, Refusal, Request, Response

ADDRESS = "local"


class Local:
    """Models whose weights are named and pinned by params `weights`."""

    is_free = True
    runs_here = True

    def check(self, endpoint: Endpoint) -> None:
        """See `Backend`."""
        if endpoint.base_urls:
            raise UserError("base_urls: only for kind hosted, in place of api_base")

    def address(self, endpoint: Endpoint) -> str:
        """See `Backend`: the same on every machine, as the weights are."""
        return ADDRESS

    def identity(self, response: Response) -> Identity:
        """See `Backend`: the model alone. The fingerprint says what computed the answer, and the weights are pinned.

        Earlier answers may report the path of the weights; it tells where they were, not what.
        """
        return Path(response.model).name, ""

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
        server.base_url()
        client.prepare()
        return lambda request: complete_here(request, endpoint, server.base_url())


async def complete_here(request: Request, endpoint: Endpoint, base_url: str) -> Response | Refusal:
    """Make one call to a server of this process.

    It reports the path of its weights: only their name is the same on every machine. Its own fingerprint is that of
    a build, of which there are many without a number, so what computed the answer takes its place.
    """
    from diziner.endpoints.provenance import local_provenance

    reply = await client.complete(request, replace(endpoint, provider="openai"), base_url)
    if isinstance(reply, Refusal):
        return reply
    return replace(reply, model=Path(reply.model).name, fingerprint=local_provenance(endpoint.threads))


class LocalServer:
    """One model's server; started by the first `base_url`, stopped with the process.

    One slot, so that consecutive calls share the prompt prefix they have in common.
    """

    def __init__(self, weights: Path, endpoint: Endpoint) -> None:
        self._weights = weights
        self._endpoint = endpoint
        self._server: Any = None

    def base_url(self) -> str:
        """Return the server's base URL, ending in /v1.

        Errors: UserError if the runtime is missing or refuses the file.
        """
        if self._server is None:
            self._server = self._start()
        return f"{self._server.listening_address}/v1"

    def _start(self) -> Any:
        try:
            import xllamacpp
        except ImportError:
            raise UserError("xllamacpp is not installed: run `make setup`") from None
        machine_turn(cache_folder() / "local-model.lock")
        settings = xllamacpp.CommonParams()
        settings.model.path = str(self._weights)
        settings.n_ctx = self._endpoint.context
        settings.n_parallel = 1
        settings.cpuparams.n_threads = self._endpoint.threads
        settings.cpuparams_batch.n_threads = self._endpoint.threads
        settings.verbosity = 0
        settings.port = 0
        settings.warmup = False
        try:
            return xllamacpp.Server(settings)
        except RuntimeError as error:
            raise UserError(f"{self._weights}: the local model server did not start: {error}") from None
