"""Ollama's own protocol: `/api/chat`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diziner.scripted.dialects import Failed, TurnedDownError
from diziner.scripted.dialects.chat import an_object, message_of, objects
from diziner.scripted.protocol import Reply


class Ollama:
    """Ollama: decoding under `options`, a schema as `format`; what it does not know it passes over."""

    says_when = False

    def model_in(self, path: str, body: Mapping[str, Any]) -> str | None:
        """See `Dialect`."""
        return str(body.get("model", "")) if path == "/api/chat" else None

    def key_in(self, headers: Mapping[str, str]) -> str:
        """See `Dialect`: none is needed, and any may be sent to a proxy before it."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def asked(self, body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """See `Dialect`."""
        options = an_object(body.get("options"), "options")
        turns = objects(body.get("messages"), "messages")
        plain: dict[str, Any] = {
            "messages": [{name: turn.get(name) for name in ("role", "content")} for turn in turns],
            "seed": options.get("seed", 0),
            "stream": body.get("stream", True),
        }
        limit = options.get("num_predict")
        if isinstance(limit, int) and limit > 0:
            plain["max_tokens"] = limit
        form = body.get("format")
        if isinstance(form, dict):
            plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": form}}
        elif form not in (None, "", "json"):
            raise TurnedDownError(f'invalid format: "{form}"; expected "json" or a JSON schema')
        return plain

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`. An open model refuses in its answer."""
        text, reasoning, refusal, finish = message_of(completion)
        message = {"role": "assistant", "content": refusal or text}
        if reasoning:
            message["thinking"] = reasoning
        return {
            "model": completion["model"],
            "created_at": "1970-01-01T00:00:00Z",
            "message": message,
            "done": True,
            "done_reason": "length" if finish == "length" else "stop",
            "prompt_eval_count": completion["usage"]["prompt_tokens"],
            "eval_count": completion["usage"]["completion_tokens"],
        }

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        status, told = {
            "bad_key": (401, "unauthorized"),
            "no_model": (404, f"model '{failed.model}' not found"),
            "rate_limit": (503, "server busy, please try again.  maximum pending requests exceeded"),
            "server_error": (500, "model runner has unexpectedly stopped, this may be due to resource limitations"),
            "too_long": (400, "prompt too long; exceeded max context length by 4 tokens"),
            "too_large": (413, "http: request body too large"),
        }.get(failed.cause, (400, failed.message))
        return Reply(status, {"error": told})
