"""Protocol of OpenAI's chat completions without sockets: a request's body in, a reply out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from diziner.common.errors import UserError
from diziner.scripted.brain import answer
from diziner.scripted.faults import Choice, Faults, spoiled
from diziner.scripted.habits import MODELS, Served
from diziner.scripted.knowledge import Knowledge
from diziner.scripted.schema import malformed

CHARACTERS_PER_TOKEN = 4
_FLOOD = 20 * 2**20  # characters of a reply that is too large
ONLY_SCRIPTED = Served()


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: HTTP status, JSON body, more headers; sent `delay_s` late, or `cut` off in mid-body."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: bool = False


def error(status: int, message: str, code: str | None, **headers: str) -> Reply:
    """Return a reply with an error object as OpenAI's; header names are given with `_` for `-`."""
    kind = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error"}.get(
        status, "invalid_request_error"
    )
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def models(gone: Set[str] = frozenset()) -> Reply:
    """Return the list of models, by their plain names, without those that are gone."""
    there = [name for name in MODELS if name not in gone]
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in there]
    return Reply(200, {"object": "list", "data": rows})


def fingerprint_of(body: Mapping[str, Any]) -> str:
    """Return a digest of a request body, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def complete(
    body: object,
    key: str,
    attempt: int,
    faults: Faults,
    seed: int,
    knowledge: Knowledge | None = None,
    served: Served = ONLY_SCRIPTED,
) -> Reply:
    """Return the reply to one chat-completions request.

    `key` is the bearer token, "" without one: any but `faults.bad_key` is welcome. `attempt` counts requests
    with this body, from 0, so that a retry may meet another fate. The request's own `seed` adds to `seed`.
    """
    if key == faults.bad_key:
        return error(401, "Incorrect API key provided.", "invalid_api_key")
    if not isinstance(body, dict):
        return error(400, "The body is not a JSON object.", None)
    try:
        model = served.stand_in(body.get("model"))
    except UserError as unknown:
        return error(404, str(unknown), "model_not_found")
    fault = faults.strike(seed, fingerprint_of(body), attempt)
    match fault:
        case "rate_limit":
            return error(429, "Rate limit reached.", "rate_limit_exceeded", Retry_After=f"{faults.retry_after_s:g}")
        case "rate_limit_bare":
            return error(429, "Rate limit reached.", "rate_limit_exceeded")
        case "server_error":
            return error(500, "The server had an error while processing your request.", None)
        case "too_long":
            return error(400, "This model's maximum context length is 1 tokens.", "context_length_exceeded")
        case "filtered":
            return error(400, "Input data may contain inappropriate content.", "data_inspection_failed")
        case "moderated":
            return error(403, "Your input was flagged by moderation.", None)
        case "too_large":
            return error(413, "Request entity too large.", None)
    try:
        messages = _messages(body)
        content = answer(messages, model, seed + _seed(body), _schema(body), knowledge)
    except UserError as wrong:
        return error(400, str(wrong), None)
    completion = _completion(body, messages, _within_limit(body, spoiled(content, fault)), seed)
    if fault == "odd_numbers":
        completion["usage"] = {"prompt_tokens": -7, "completion_tokens": 10**22, "total_tokens": None, "cost": 1e300}
    reply = Reply(200, completion)
    if fault == "flood":
        reply = replace(reply, body={**reply.body, "padding": "x" * _FLOOD})
    return replace(reply, delay_s=faults.hang_s if fault == "hang" else 0.0, cut=fault == "reset")


def _messages(body: Mapping[str, Any]) -> list[dict[str, str]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise UserError("messages: not a list of messages")
    if body.get("stream"):
        raise UserError("stream: scripted models do not stream; leave it out")
    if body.get("n") not in (None, 1):
        raise UserError(f"n: {body['n']!r}; scripted models give one choice")
    return [_message(message, index) for index, message in enumerate(messages)]


def _message(message: object, index: int) -> dict[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise UserError(f"messages[{index}]: not an object with a role")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str | None):
        raise UserError(f"messages[{index}].content: neither a string nor a list of parts")
    return {"role": message["role"], "content": content or ""}


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    form = wanted.get("json_schema")
    schema = form.get("schema") if isinstance(form, dict) else None
    if not isinstance(schema, dict):
        raise UserError("response_format.json_schema.schema: not an object")
    if wrong := malformed(json.dumps(schema, sort_keys=True)):
        raise UserError(f"response_format.json_schema.schema: no JSON Schema: {wrong}")
    return schema


def _seed(body: Mapping[str, Any]) -> int:
    seed = body.get("seed") or 0
    if not isinstance(seed, int):
        raise UserError(f"seed: {seed!r}; allowed: an integer")
    return seed


def _within_limit(body: Mapping[str, Any], choice: Choice) -> Choice:
    """Return the choice, cut where the request allows fewer tokens."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if not isinstance(limit, int) or choice.content is None or _tokens(choice.content) <= limit:
        return choice
    return replace(choice, content=choice.content[: limit * CHARACTERS_PER_TOKEN], finish_reason="length")


def _completion(
    body: Mapping[str, Any], messages: Sequence[Mapping[str, str]], choice: Choice, seed: int
) -> dict[str, Any]:
    prompt = sum(_tokens(message["content"]) for message in messages)
    reasoning = _tokens(choice.reasoning)
    completion = _tokens(choice.content or choice.refusal or "") + reasoning
    details = {"completion_tokens_details": {"reasoning_tokens": reasoning}} if reasoning else {}
    return {
        "id": f"chatcmpl-scripted-{fingerprint_of(body)[:16]}",
        "object": "chat.completion",
        # A clock would make equal requests give unequal bytes.
        "created": 0,
        "model": body["model"],
        "system_fingerprint": f"scripted-{seed}",
        "choices": [
            {
                "index": 0,
                "message": _answering(choice),
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            **details,
        },
    }


def _answering(choice: Choice) -> dict[str, Any] | None:
    """Return the message of a choice, in its form."""
    message: dict[str, Any] = {"role": "assistant", "content": choice.content, "refusal": choice.refusal}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    match choice.form:
        case "parts":
            thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see."}]}
            return {**message, "content": [thinking, {"type": "text", "text": choice.content}]}
        case "reasoning":
            return {**message, "content": None, "reasoning_content": choice.content}
        case "no_message":
            return None
        case _:
            return message


def _tokens(text: str) -> int:
    """Return tokens by length: four characters each, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)
