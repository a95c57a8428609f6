"""Kind `scripted`: the scripted models of tests and rehearsals, in this process, without a server."""

from __future__ import annotations

from diziner.common.errors import UserError
from diziner.endpoints import Endpoint, Identity, Send, Weights
from diziner.endpoints.batching import BatchMode
from diziner.prompting.request import ModelSettings, Request, Response


class Scripted:
    """Models that answer by rule (`diziner.scripted`)."""

    is_free = True
    runs_here = False

    def check(self, endpoint: Endpoint) -> None:
        """See `Backend`."""
        if endpoint.base_urls:
            raise UserError("base_urls: only for kind hosted, in place of api_base")

    def address(self, endpoint: Endpoint) -> str:
        """See `Backend`."""
        return "scripted"

    def batch_mode(self, endpoint: Endpoint) -> BatchMode | None:
        """See `Backend`: none."""
        return None

    def identity(self, response: Response) -> Identity:
        """See `Backend`."""
        return response.model, response.fingerprint

    def models(self, endpoint: Endpoint) -> list[str] | None:
        """See `Backend`."""
        from diziner.scripted.habits import MODELS

        return list(MODELS)

    def ready(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> None:
        """See `Backend`: a key, where one is named all the same."""
        endpoint.key()

    def connect(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> Send:
        """See `Backend`."""
        return _answered


async def _answered(request: Request) -> Response:
    from diziner.scripted.brain import answer
    from diziner.scripted.knowledge import knowledge_from_environment

    messages = [{"role": m.role, "content": m.content} for m in request.messages]
    seed = request.settings.sent_seed
    schema = None if request.schema is None else dict(request.schema)
    text = answer(messages, request.settings.model, seed, schema, knowledge_from_environment())
    size = sum(len(m.content) for m in request.messages)
    return Response(text, "stop", request.settings.model, "scripted", size // 4, len(text) // 4)
