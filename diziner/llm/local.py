"""A local model as an OpenAI-compatible server on loopback, in this process, on a free port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint
from diziner.layout import cache_folder
from diziner.llm.shared_limits import machine_turn


class LocalServer:
    """One model's server; started by the first `base_url`, stopped with the process.

    One slot, so that consecutive calls share the prompt prefix they have in common.
    """

    def __init__(self, weights: Path, endpoint: Endpoint) -> None:
        self._weights = weights
        self._endpoint = endpoint
        self._server: Any = None

    def base_url(self) -> str:
        """The server's base URL, ending in /v1.

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
