"""Servers of one's own that follow OpenAI's chat completions, vLLM and llama.cpp: unknown fields are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diziner.scripted.dialects import Failed
from diziner.scripted.dialects.chat import Chat, message_of, with_message
from diziner.scripted.protocol import Reply


class Vllm(Chat):
    """vLLM with a reasoning parser: what a model thinks is under `reasoning`, once `reasoning_content`."""

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`. An open model refuses in its answer."""
        _, reasoning, refusal, _ = message_of(completion)
        reply = {name: held for name, held in completion.items() if name != "system_fingerprint"}
        usage = {name: held for name, held in completion["usage"].items() if name != "completion_tokens_details"}
        more: dict[str, Any] = {"content": refusal, "refusal": None} if refusal else {}
        if reasoning:
            more |= {"reasoning": reasoning, "reasoning_content": reasoning}
        spoken = with_message(reply, tool_calls=[], **more) if reply["choices"][0]["message"] else reply
        return {**spoken, "prompt_logprobs": None, "kv_transfer_params": None, "usage": usage}

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        if failed.cause == "bad_key":
            return Reply(401, {"error": "Unauthorized"})
        status, told, kind = {
            "no_model": (404, f"The model `{failed.model}` does not exist.", "NotFoundError"),
            "rate_limit": (429, "Too many requests.", "RateLimitError"),
            "server_error": (500, "EngineCore encountered an issue. See stack trace (above) for the root cause.", "E"),
            "too_long": (
                400,
                "This model's maximum context length is 4096 tokens. However, your request has 4200 input tokens. "
                "Please reduce the length of the input messages.",
                "BadRequestError",
            ),
            "too_large": (413, "Request entity too large", "RequestEntityTooLarge"),
        }.get(failed.cause, (400, failed.message, "BadRequestError"))
        return Reply(status, {"error": {"message": told, "type": kind, "param": None, "code": status}})


class LlamaCpp(Chat):
    """llama.cpp's server: one model, whatever name is asked for; timings in every reply."""

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`. An open model refuses in its answer."""
        _, _, refusal, _ = message_of(completion)
        usage = {name: held for name, held in completion["usage"].items() if name != "completion_tokens_details"}
        timings = {"cache_n": 0, "prompt_n": usage["prompt_tokens"], "predicted_n": usage["completion_tokens"]}
        message = completion["choices"][0]["message"]
        reply = with_message(completion, content=refusal) if refusal else dict(completion)
        if message:
            reply = with_message(reply, **({"refusal": None} if "refusal" in message else {}))
        return {**reply, "usage": usage, "timings": timings}

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        if failed.cause == "too_long":
            told = "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it"
            held = {"code": 400, "message": told, "type": "exceed_context_size_error"}
            return Reply(400, {"error": {**held, "n_prompt_tokens": 5000, "n_ctx": 4096}})
        status, told, kind = {
            "bad_key": (401, "Invalid API Key", "authentication_error"),
            "rate_limit": (503, "Loading model", "unavailable_error"),
            "server_error": (500, "Compute error.", "server_error"),
            "too_large": (413, "Payload Too Large", "invalid_request_error"),
            "no_model": (400, f"model '{failed.model}' not found", "invalid_request_error"),
        }.get(failed.cause, (400, failed.message, "invalid_request_error"))
        return Reply(status, {"error": {"code": status, "message": told, "type": kind}})
