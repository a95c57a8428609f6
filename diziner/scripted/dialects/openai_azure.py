"""OpenAI's chat completions, as OpenAI itself and Azure have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from diziner.scripted.dialects import Failed, TurnedDownError
from diziner.scripted.dialects.chat import Chat, an_object, message_of, without_reasoning
from diziner.scripted.dialects.schemas import hold_to_openai
from diziner.scripted.protocol import Reply

# Of https://api.openai.com/v1/chat/completions; held to the installed client's own list by the tests.
OPENAI_FIELDS = frozenset(
    {
        *(
            "audio",
            "frequency_penalty",
            "function_call",
            "functions",
            "logit_bias",
            "logprobs",
            "max_completion_tokens",
        ),
        *("max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls"),
        *("prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        *(
            "reasoning_effort",
            "response_format",
            "safety_identifier",
            "seed",
            "service_tier",
            "stop",
            "store",
            "stream",
        ),
        *("stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity"),
        "web_search_options",
    }
)
_REASONS = re.compile(r"(?:gpt-(?:[5-9]|\d\d)(?!.*chat)|o[134])(?:[.-]|$)")
_ONLY_DEFAULT = "Only the default (1) value is supported."
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


class OpenAI(Chat):
    """OpenAI itself: models that reason take `max_completion_tokens` and no sampling, schemas are strict."""

    says_when = True
    fields = OPENAI_FIELDS

    def asked(self, body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """See `Dialect`."""
        plain = super().asked(body, model, headers)
        if _REASONS.match(model):
            _hold_to_reasoning(body)
        form = an_object(body.get("response_format"), "response_format")
        if form.get("type") == "json_schema":
            hold_to_openai(form)
        if form.get("type") == "json_object" and "json" not in str(body.get("messages")).lower():
            told = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            raise TurnedDownError(told, "messages")
        return plain

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`: the reasoning is counted, not shown."""
        return {**without_reasoning(completion), "service_tier": "default"}

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        status, code, kind = {
            "bad_key": (401, "invalid_api_key", "invalid_request_error"),
            "no_model": (404, "model_not_found", "invalid_request_error"),
            "rate_limit": (429, "rate_limit_exceeded", "requests"),
            "server_error": (500, None, "server_error"),
            "too_long": (400, "context_length_exceeded", "invalid_request_error"),
            "filtered": (400, "invalid_prompt", "invalid_request_error"),
            "moderated": (400, "content_policy_violation", "invalid_request_error"),
            "too_large": (400, "string_above_max_length", "invalid_request_error"),
        }.get(failed.cause, (400, failed.turned_down.code if failed.turned_down else None, "invalid_request_error"))
        field = failed.turned_down.field if failed.turned_down else None
        told = {"no_model": f"The model `{failed.model}` does not exist or you do not have access to it."}.get(
            failed.cause, failed.message
        )
        return Reply(status, {"error": {"message": told, "type": kind, "param": field, "code": code}})


class Azure(OpenAI):
    """Azure: a deployment in the address, a header of its own for the key, filters beside every answer."""

    _ADDRESS = re.compile(r"/openai/deployments/(?P<model>[^/]+)/chat/completions")

    def model_in(self, path: str, body: Mapping[str, Any]) -> str | None:
        """See `Dialect`."""
        parts = urlsplit(path)
        match = self._ADDRESS.fullmatch(parts.path)
        return match["model"] if match and parse_qs(parts.query).get("api-version") else None

    def key_in(self, headers: Mapping[str, str]) -> str:
        """See `Dialect`."""
        return str(headers.get("api-key", ""))

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`. What OpenAI refuses in words is cut off by Azure's filter."""
        reply = without_reasoning(completion)
        choice = {**reply["choices"][0], "content_filter_results": _SAFE}
        if message_of(completion)[2]:
            choice |= {"finish_reason": "content_filter", "message": {"role": "assistant", "content": None}}
        prompt = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        return {**reply, "choices": [choice], "prompt_filter_results": prompt}

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        if failed.cause == "bad_key":
            told = "Access denied due to invalid subscription key or wrong API endpoint."
            return Reply(401, {"error": {"code": "401", "message": told}})
        if failed.cause == "no_model":
            told = "The API deployment for this resource does not exist."
            return Reply(404, {"error": {"code": "DeploymentNotFound", "message": told}})
        if failed.cause == "rate_limit":
            told = "Your requests have exceeded the call rate limit of your current pricing tier. Please retry later."
            return Reply(429, {"error": {"code": "429", "message": told}})
        if failed.cause in ("filtered", "moderated"):
            told = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
            inner = {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {**_SAFE, "violence": {"filtered": True, "severity": "high"}},
            }
            held = {"message": told, "type": None, "param": "prompt", "code": "content_filter", "status": 400}
            return Reply(400, {"error": {**held, "innererror": inner}})
        return super().failed(failed)


def _hold_to_reasoning(body: Mapping[str, Any]) -> None:
    """Raise TurnedDownError for what OpenAI's reasoning models do not take."""
    if "max_tokens" in body:
        told = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise TurnedDownError(told, "max_tokens", "unsupported_parameter")
    for name in ("temperature", "top_p"):
        if body.get(name, 1) != 1:
            told = f"Unsupported value: '{name}' does not support {body[name]} with this model. {_ONLY_DEFAULT}"
            raise TurnedDownError(told, name, "unsupported_value")
    for name in ("stop", "presence_penalty", "frequency_penalty", "logit_bias"):
        if name in body:
            told = f"Unsupported parameter: '{name}' is not supported with this model."
            raise TurnedDownError(told, name, "unsupported_parameter")
