"""Dialects: how providers speak. Each takes what its provider takes, refuses what it refuses, and replies in its form.

The scripted models behind them are the same: a dialect turns a provider's request into the plain one of
`diziner.scripted.protocol`, and the plain reply into the provider's. What is known of each provider is from its
documentation and from bodies in public reports; docs/providers.md says what could not be tried.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

from diziner.scripted.protocol import Reply

# Each dialect's class, as `module:class` below this package. Its name is the first part of the address.
DIALECTS: Mapping[str, str] = {
    "openai": "openai_azure:OpenAI",
    "azure": "openai_azure:Azure",
    "openrouter": "openrouter:OpenRouter",
    "mistral": "mistral:Mistral",
    "anthropic": "anthropic:Anthropic",
    "gemini": "gemini:Gemini",
    "vllm": "own_servers:Vllm",
    "llama.cpp": "own_servers:LlamaCpp",
    "ollama": "ollama:Ollama",
}


class TurnedDownError(Exception):
    """A request whose body the provider does not take. `field` is what it is about, in the provider's words."""

    def __init__(self, message: str, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that failed: why (`cause_of`), in words; `retry_after` in seconds as text, None where none is said."""

    cause: str
    message: str
    model: str
    turned_down: TurnedDownError | None = None
    retry_after: str | None = None


class Dialect(Protocol):
    """One provider's way to speak. `says_when` tells whether a limit comes with the header Retry-After."""

    says_when: bool

    def model_in(self, path: str, body: Mapping[str, Any]) -> str | None:
        """Return the model that is asked; None where nothing is at this address, given without the dialect's name."""

    def key_in(self, headers: Mapping[str, str]) -> str:
        """Return the key that was sent, "" without one. Names of headers are in lower case."""

    def asked(self, body: Mapping[str, Any], model: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the plain request of a body. Errors: TurnedDownError."""

    def answered(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the provider's body of a plain completion; `body` is that of the request."""

    def failed(self, failed: Failed) -> Reply:
        """Return the provider's reply to a request that failed."""


@cache
def dialect_of(name: str) -> Dialect | None:
    """Return a dialect by its name; None where there is none."""
    if name not in DIALECTS:
        return None
    module, _, kind = DIALECTS[name].partition(":")
    found: Dialect = getattr(importlib.import_module(f"{__name__}.{module}"), kind)()
    return found


def spoken(
    dialect: Dialect,
    path: str,
    sent: Mapping[str, str],
    body: object,
    complete: Callable[[dict[str, Any], str], Reply],
) -> Reply | None:
    """Return the reply to a request in a dialect; None where nothing is at that address.

    `sent` are its headers; `complete` answers a plain request with a key.
    """
    if not isinstance(body, dict):
        body = {}
    model = dialect.model_in(path, body)
    if model is None:
        return None
    try:
        plain = dialect.asked(body, model, sent)
    except TurnedDownError as turned_down:
        return dialect.failed(Failed("bad_request", turned_down.message, model, turned_down))
    reply = complete({**plain, "model": model}, dialect.key_in(sent))
    if reply.status == 200:
        return Reply(200, dialect.answered(reply.body, body), delay_s=reply.delay_s, cut=reply.cut)
    told = str(reply.body["error"]["message"])
    after = reply.headers.get("Retry-After")
    failed = dialect.failed(Failed(cause_of(reply), told, model, retry_after=after))
    headers = {"Retry-After": after} if after and dialect.says_when else {}
    return replace(failed, headers=headers, delay_s=reply.delay_s)


def cause_of(reply: Reply) -> str:
    """Return why a plain request failed: bad_key, no_model, rate_limit, too_long, filtered, moderated, too_large,
    server_error or bad_request."""
    by_code = {
        "invalid_api_key": "bad_key",
        "model_not_found": "no_model",
        "rate_limit_exceeded": "rate_limit",
        "context_length_exceeded": "too_long",
        "data_inspection_failed": "filtered",
    }
    by_status = {403: "moderated", 413: "too_large", 500: "server_error"}
    return by_code.get(reply.body["error"]["code"]) or by_status.get(reply.status, "bad_request")
