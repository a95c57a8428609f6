"""Marks in prompts for providers that keep a prompt's beginning only where they are told to.

OpenAI, DeepSeek, Gemini and others keep beginnings by themselves; Claude wants `cache_control` where it shall end.
The mark is transport: no part of the request, nor of its key, as the model reads the same text. What a request begins
with is its `opening`: requests that have none, the supervisor's, are asked once, and keeping them would only cost more.
"""

from __future__ import annotations

from typing import Any

from diziner.prompting.request import Request

# Those of litellm's providers that pass the mark on, to models of this family.
_PROVIDERS = frozenset({"anthropic", "bedrock", "vertex_ai", "azure_ai", "openrouter"})
_FAMILY = "claude"
_MARK = {"type": "ephemeral"}


def is_kept_on_demand(provider: str, model: str) -> bool:
    """Return whether a model's provider keeps the beginning of prompts where it is marked, and only there."""
    return provider in _PROVIDERS and _FAMILY in model.lower()


def messages_to_send(request: Request, provider: str) -> list[dict[str, Any]]:
    """Return a request's messages as they are sent, the end of its opening marked where that has it kept."""
    messages: list[dict[str, Any]] = [{"role": m.role, "content": m.content} for m in request.messages]
    if not request.opening or not is_kept_on_demand(provider, request.settings.model):
        return messages
    last = messages[len(request.opening) - 1]
    begun, text = request.opening[-1].content, last["content"]
    if not begun.strip() or not text.startswith(begun):
        return messages
    rest = text[len(begun) :]
    if not rest.strip():  # Anthropic refuses a part that is blank
        begun, rest = text, ""
    last["content"] = [{"type": "text", "text": begun, "cache_control": dict(_MARK)}]
    last["content"] += [{"type": "text", "text": rest}] if rest else []
    return messages
