"""Anthropic's Messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from diziner.common import jsontext
from diziner.scripted.dialects import Failed, TurnedDownError
from diziner.scripted.dialects.chat import an_object, message_of, objects, text_of
from diziner.scripted.dialects.schemas import hold_to_anthropic
from diziner.scripted.protocol import Reply

_FIELDS = frozenset(
    {
        *("model", "messages", "max_tokens", "system", "temperature", "top_p", "top_k", "stop_sequences", "stream"),
        *("metadata", "service_tier", "thinking", "tools", "tool_choice", "container", "context_management"),
        *("mcp_servers", "output_config", "cache_control", "inference_geo", "speed"),
    }
)
_BETA = "structured-outputs-2025-11-13"
# Since Opus 4.1 one of the two; since Opus 4.7 neither.
_ONE_OF_BOTH = re.compile(r"claude-(?:opus-4-[1-6]|(?:sonnet|haiku)-4-[5-9])")
_NO_SAMPLING = re.compile(r"claude-(?:opus-(?:4-[7-9]|[5-9])|(?:sonnet|haiku|fable)-[5-9])")
_STOP = {"stop": "end_turn", "length": "max_tokens"}


class Anthropic:
    """The Messages API: a system prompt apart, content in blocks, `max_tokens` needed."""

    says_when = True

    def model_in(self, path: str, body: Mapping[str, Any]) -> str | None:
        """See `Dialect`."""
        return str(body.get("model", "")) if path == "/v1/messages" else None

    def key_in(self, headers: Mapping[str, str]) -> str:
        """See `Dialect`."""
        return str(headers.get("x-api-key", ""))

    def asked(self, body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """See `Dialect`."""
        beta = headers.get("anthropic-beta", "")
        known = _FIELDS | ({"output_format"} if _BETA in beta else set())
        for name in sorted(body.keys() - known):
            raise TurnedDownError(f"{name}: Extra inputs are not permitted")
        if not headers.get("anthropic-version"):
            raise TurnedDownError("anthropic-version: header is required")
        if not isinstance(body.get("max_tokens"), int):
            raise TurnedDownError("max_tokens: Field required")
        _hold_to_sampling(body, model)
        system = body.get("system")
        messages = [{"role": "system", "content": text_of(system, "system")}] if system else []
        for number, message in enumerate(objects(body.get("messages"), "messages")):
            if message.get("role") not in ("user", "assistant"):
                raise TurnedDownError(f"messages.{number}.role: Input should be 'user' or 'assistant'")
            messages.append({"role": message["role"], "content": text_of(message.get("content"), f"messages.{number}")})
        plain: dict[str, Any] = {"messages": messages, "max_tokens": body["max_tokens"]}
        if (schema := _schema(body, _forced_tool(body))) is not None:
            plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
        return plain

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`."""
        text, reasoning, refusal, finish = message_of(completion)
        content: list[dict[str, Any]] = []
        if reasoning:
            content.append({"type": "thinking", "thinking": reasoning, "signature": "scripted"})
        tool = _forced_tool(body)
        stop = _STOP.get(finish, "end_turn")
        if tool and (value := _object(text)) is not None:
            content.append({"type": "tool_use", "id": "toolu_scripted", "name": tool["name"], "input": value})
            stop = "tool_use"
        elif text:
            content.append({"type": "text", "text": text, "citations": None})
        if refusal:
            stop, content = "refusal", []
        usage = completion["usage"]
        counted = {
            "input_tokens": usage["prompt_tokens"],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": usage["completion_tokens"],
            "service_tier": "standard",
        }
        return {
            "id": completion["id"].replace("chatcmpl-", "msg_"),
            "type": "message",
            "role": "assistant",
            "model": completion["model"],
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": counted,
        }

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        status, kind, told = {
            "bad_key": (401, "authentication_error", "invalid x-api-key"),
            "no_model": (404, "not_found_error", f"model: {failed.model}"),
            "rate_limit": (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
            "server_error": (529, "overloaded_error", "Overloaded"),
            "too_long": (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
            "filtered": (400, "invalid_request_error", "Output blocked by content filtering policy"),
            "moderated": (400, "invalid_request_error", "Output blocked by content filtering policy"),
        }.get(failed.cause, (400, "invalid_request_error", failed.message))
        body = {"type": "error", "error": {"type": kind, "message": told}, "request_id": "req_scripted"}
        return Reply(status, body)


def _hold_to_sampling(body: Mapping[str, Any], model: str) -> None:
    given = [name for name in ("temperature", "top_p", "top_k") if name in body]
    if _NO_SAMPLING.match(model) and given and any(body[name] != 1 for name in given):
        raise TurnedDownError(f"`{given[0]}` is deprecated for this model.")
    if _ONE_OF_BOTH.match(model) and {"temperature", "top_p"} <= body.keys():
        raise TurnedDownError("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _schema(body: Mapping[str, Any], tool: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the schema that the answer is held to: of structured outputs, or of the one tool that must be used."""
    for name, form in (
        ("output_config.format", an_object(body.get("output_config"), "output_config").get("format")),
        ("output_format", body.get("output_format")),
    ):
        if form is not None:
            schema = an_object(an_object(form, name).get("schema"), f"{name}.schema")
            hold_to_anthropic(schema, f"{name}.schema")
            return schema
    return an_object(tool.get("input_schema"), "tools.0.input_schema") if tool else None


def _forced_tool(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choice = an_object(body.get("tool_choice"), "tool_choice")
    if choice.get("type") != "tool":
        return None
    return next((tool for tool in objects(body.get("tools"), "tools") if tool.get("name") == choice.get("name")), None)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = jsontext.body(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
