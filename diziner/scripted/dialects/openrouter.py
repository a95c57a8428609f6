"""OpenRouter, which hands requests on to many hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diziner.scripted.dialects import Failed
from diziner.scripted.dialects.chat import Chat, message_of, with_message, without_reasoning
from diziner.scripted.protocol import Reply

_USD_PER_TOKEN = (1e-7, 4e-7)  # what a small open model costs there


class OpenRouter(Chat):
    """OpenRouter: every reply says what it cost and who served it; codes are statuses."""

    says_when = True
    address = "/api/v1/chat/completions"

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`."""
        reply = dict(completion)
        reasoning = message_of(completion)[1]
        if reasoning:
            reply = with_message(
                without_reasoning(completion),
                reasoning=reasoning,
                reasoning_details=[{"type": "reasoning.text", "text": reasoning, "format": "unknown", "index": 0}],
            )
        [choice] = reply["choices"]
        usage = completion["usage"]
        tokens = (usage["prompt_tokens"], usage["completion_tokens"])
        cost = sum(count * price for count, price in zip(tokens, _USD_PER_TOKEN, strict=True) if isinstance(count, int))
        billed = {"cost": cost, "is_byok": False, "cost_details": {"upstream_inference_cost": cost}, **usage}
        choices = [{**choice, "native_finish_reason": choice["finish_reason"]}]
        return {**reply, "provider": "Scripted", "choices": choices, "usage": billed, "system_fingerprint": None}

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        upstream = {"provider_name": "Scripted"}
        status, told, metadata = {
            "bad_key": (401, "User not found.", None),
            "no_model": (404, f"No endpoints found for {failed.model}.", None),
            "rate_limit": (
                429,
                "Provider returned error",
                {"raw": f"{failed.model} is temporarily rate-limited.", **upstream},
            ),
            "server_error": (502, "Provider returned error", {"raw": "Internal Server Error", **upstream}),
            "filtered": (
                400,
                "Provider returned error",
                {"raw": '{"error":{"code":"data_inspection_failed","message":"Inappropriate content."}}', **upstream},
            ),
            "moderated": (
                403,
                f"{failed.model} requires moderation on Scripted. Your input was flagged.",
                {"reasons": ["violence"], "flagged_input": "…", "model_slug": failed.model, **upstream},
            ),
            "too_large": (413, "Request too large.", None),
        }.get(failed.cause, (400, failed.message, None))
        error = {"message": told, "code": status, **({"metadata": metadata} if metadata else {})}
        return Reply(status, {"error": error, "user_id": "user_scripted"})
