"""Google's Gemini: `generateContent`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from diziner.scripted.dialects import Failed, TurnedDownError
from diziner.scripted.dialects.chat import an_object, message_of, objects, text_of
from diziner.scripted.protocol import Reply

# Both spellings are taken, as Google's own JSON reader does; here in the one of the documentation.
_FIELDS = frozenset(
    {"contents", "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig", "cachedContent"}
)
_CONFIG = frozenset(
    {
        *("stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities"),
        *("candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty"),
        *("frequencyPenalty", "responseLogprobs", "logprobs", "enableEnhancedCivicAnswers", "speechConfig"),
        *("thinkingConfig", "imageConfig", "mediaResolution"),
    }
)
_ADDRESS = re.compile(r"/(?:v1(?:beta)?/)?models/(?P<model>[^/:]+):generateContent")
_STOP = {"stop": "STOP", "length": "MAX_TOKENS"}


class Gemini:
    """The Gemini API: fields it does not know are errors, blocked prompts are replies without candidates.

    When to come back is in the body.
    """

    says_when = False

    def model_in(self, path: str, body: Mapping[str, Any]) -> str | None:
        """See `Dialect`."""
        match = _ADDRESS.fullmatch(path.partition("?")[0])
        return match["model"] if match else None

    def key_in(self, headers: Mapping[str, str]) -> str:
        """See `Dialect`."""
        return str(headers.get("x-goog-api-key", ""))

    def asked(self, body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """See `Dialect`."""
        request = _known(body, _FIELDS, "")
        config = _known(
            an_object(request.get("generationConfig"), "generation_config"), _CONFIG, " at 'generation_config'"
        )
        system = request.get("systemInstruction")
        messages = [{"role": "system", "content": _text(system)}] if system else []
        for turn in objects(request.get("contents"), "contents"):
            role = "assistant" if turn.get("role") == "model" else "user"
            messages.append({"role": role, "content": _text(turn)})
        if not messages:
            raise TurnedDownError("* GenerateContentRequest.contents: contents is not specified")
        plain: dict[str, Any] = {"messages": messages, "seed": config.get("seed", 0)}
        if "maxOutputTokens" in config:
            plain["max_tokens"] = config["maxOutputTokens"]
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        if schema:
            if config.get("responseMimeType") != "application/json":
                raise TurnedDownError("Forced function calling with response mime type: 'text/plain' is unsupported")
            plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
        return plain

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Dialect`. A refusal is a prompt that was blocked."""
        text, _, refusal, finish = message_of(completion)
        usage = completion["usage"]
        thought = usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
        prompt = usage["prompt_tokens"]
        counted = {"promptTokenCount": prompt, "totalTokenCount": usage["total_tokens"]}
        reply = {"modelVersion": completion["model"], "responseId": completion["id"]}
        if refusal:
            feedback = {"blockReason": "PROHIBITED_CONTENT"}
            return {**reply, "promptFeedback": feedback, "usageMetadata": {**counted, "totalTokenCount": prompt}}
        counted |= {"candidatesTokenCount": usage["completion_tokens"] - thought} if text else {}
        counted |= {"thoughtsTokenCount": thought} if thought else {}
        content: dict[str, Any] = {"role": "model"}
        if text:
            content["parts"] = [{"text": text}]
        candidate = {"content": content, "finishReason": _STOP.get(finish, "OTHER"), "index": 0}
        return {**reply, "candidates": [candidate], "usageMetadata": counted}

    def failed(self, failed: Failed) -> Reply:
        """See `Dialect`."""
        status, name, told = {
            "bad_key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
            "no_model": (
                404,
                "NOT_FOUND",
                f"models/{failed.model} is not found for API version v1beta, or is not supported for generateContent.",
            ),
            "rate_limit": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
            "server_error": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
            "too_long": (
                400,
                "INVALID_ARGUMENT",
                "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
            ),
            "too_large": (400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
            "filtered": (400, "INVALID_ARGUMENT", "The prompt was blocked by safety filters."),
            "moderated": (400, "INVALID_ARGUMENT", "The prompt was blocked by safety filters."),
        }.get(failed.cause, (400, "INVALID_ARGUMENT", failed.message))
        error: dict[str, Any] = {"code": status, "message": told, "status": name}
        if failed.cause == "bad_key":
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            error["details"] = [{**reason, "domain": "googleapis.com"}]
        if failed.cause == "rate_limit" and failed.retry_after:
            error["details"] = [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{failed.retry_after}s"}
            ]
        return Reply(status, {"error": error})


def _known(held: Mapping[str, Any], names: frozenset[str], where: str) -> dict[str, Any]:
    """Return an object by the documentation's names. Errors: TurnedDownError for a name that is none."""
    found = {}
    for name, value in held.items():
        camel = re.sub(r"_+(\w)", lambda match: match[1].upper(), name.lstrip("_"))
        if camel not in names:
            raise TurnedDownError(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')
        found[camel] = value
    return found


def _text(content: Any) -> str:
    return text_of(an_object(content, "content").get("parts"), "parts")
