"""Kind `hosted`: models that others serve, one's own servers included, reached through litellm."""

from __future__ import annotations

from functools import cache

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint, Identity, Send, Weights, client
from diziner.endpoints.batching import MODES, BatchMode
from diziner.endpoints.replicas import Replicas
from diziner.prompting.request import ModelSettings, Refusal, Request, Response


class Hosted:
    """A provider, or servers of the same models in place of one."""

    is_free = False
    runs_here = False

    def check(self, endpoint: Endpoint) -> None:
        """See `Backend`."""
        if endpoint.base_urls and endpoint.api_base:
            raise UserError("base_urls: only for kind hosted, in place of api_base")

    def address(self, endpoint: Endpoint) -> str:
        """See `Backend`. Several servers are identified by the endpoint's name.

        An answer is the same whichever server gave it, and stays when servers come and go. If they are to hold
        another model, its `revision` must say so.
        """
        if endpoint.base_urls:
            return f"{endpoint.provider}@{endpoint.name}"
        return f"{endpoint.provider}@{endpoint.api_base}" if endpoint.api_base else endpoint.provider

    def batch_mode(self, endpoint: Endpoint) -> BatchMode | None:
        """See `Backend`: the provider's. Of several servers none would know the others' batches."""
        return None if endpoint.base_urls else MODES.get(endpoint.provider)

    def identity(self, response: Response) -> Identity:
        """See `Backend`."""
        return response.model, response.fingerprint

    def models(self, endpoint: Endpoint) -> list[str] | None:
        """See `Backend`. Of several servers the first that answers speaks for all."""
        from diziner.endpoints.listing import listed_at

        for url in endpoint.base_urls or (endpoint.api_base,):
            if (found := listed_at(endpoint, url)) is not None:
                return found
        return None

    def ready(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> None:
        """See `Backend`: the key."""
        endpoint.key()

    def connect(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> Send:
        """See `Backend`."""
        client.prepare()
        if not endpoint.base_urls:
            return lambda request: client.complete(request, endpoint, endpoint.api_base)
        servers = _replicas(endpoint.base_urls)

        async def send(request: Request) -> Response | Refusal:
            return await servers.send(lambda url: client.complete(request, endpoint, url))

        return send


@cache
def _replicas(base_urls: tuple[str, ...]) -> Replicas:
    # One for the process: who is down is known to all who ask.
    return Replicas(base_urls)
