"""Mistral's chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diziner.scripted.dialects import Failed, TurnedDownError
from diziner.scripted.dialects.chat import Chat, message_of, with_message, without_reasoning
from diziner.scripted.protocol import Reply


class Mistral(Chat):
    """Mistral: a seed by another name, no field that it does not know, thinking as a part of the content."""

    fields = frozenset(
        {
            *("model", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "metadata", "messages"),
            *("response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n", "prediction"),
            *(
                "parallel_tool_calls",
                "prompt_mode",
                "reasoning_effort",
                "safe_prompt",
                "guardrails",
                "prompt_cache_key",
            ),
        }
    )

    def unknown(self, field: str) -> TurnedDownError:
        """Return the error of a field that the provider does not know."""
        return TurnedDownError("Extra inputs are not permitted", field)

    def asked(self, body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """See `Dialect`."""
        plain = super().asked(body, model, headers)
        return {**plain, "seed": plain.pop("random_seed", 0)}

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`."""
        reply = {name: held for name, held in completion.items() if name != "system_fingerprint"}
        text, reasoning, refusal, _ = message_of(completion)
        if refusal:
            return with_message(without_reasoning(reply), content=refusal)
        if not reasoning:
            return reply
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": reasoning}], "closed": True}
        return with_message(without_reasoning(reply), content=[thinking, {"type": "text", "text": text}])

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        if failed.turned_down and failed.turned_down.field:
            at_fault = {
                "type": "extra_forbidden",
                "loc": ["body", failed.turned_down.field],
                "msg": failed.message,
                "input": None,
            }
            why = {"type": "invalid_request_error", "param": None, "code": None, "raw_status_code": 422}
            return Reply(422, {"object": "error", "message": {"detail": [at_fault]}, **why})
        if failed.cause == "bad_key":
            return Reply(401, {"detail": "Unauthorized"})
        status, told, kind, code = {
            "no_model": (400, f"Invalid model: {failed.model}", "invalid_model", "1500"),
            "rate_limit": (429, "Rate limit exceeded", "rate_limited", "1300"),
            "server_error": (500, "Service unavailable.", "internal_server_error", "1000"),
            "too_long": (
                400,
                "Prompt contains 33000 tokens and 0 draft tokens, too large for model with 32768 maximum context "
                "length",
                "invalid_request_prompt",
                "3051",
            ),
            "too_large": (413, "Request too large", "invalid_request_error", None),
            "filtered": (403, "Content was blocked by moderation guardrails.", "guardrail_violation", "2000"),
            "moderated": (403, "Content was blocked by moderation guardrails.", "guardrail_violation", "2000"),
        }.get(failed.cause, (400, failed.message, "invalid_request_error", None))
        return Reply(
            status,
            {"object": "error", "message": told, "type": kind, "param": None, "code": code, "raw_status_code": status},
        )
