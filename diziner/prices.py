"""Prices of calls, by the price table of an endpoint; and how long texts are in tokens, roughly and at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from diziner.prompting.request import Request

_CHARACTERS_PER_TOKEN = 4
# Tokenizers take about four bytes of English for a token, about two and a half of the worst-served scripts.
_LIKELY_BYTES_PER_TOKEN = 4
_LEAST_BYTES_PER_TOKEN = 2
_TOKENS_AROUND_MESSAGE = 8


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; prompt tokens that the provider had at hand cost `cached`, None: as others.

    `source` says who listed it and when, if known. `is_estimate`: it is another host's, and no more than a guess.
    """

    input: float
    output: float
    cached: float | None = None
    source: str = ""
    is_estimate: bool = False

    def times(self, share: float) -> Price:
        """Return the price as a share of itself, as in batches."""
        cached = None if self.cached is None else self.cached * share
        return replace(self, input=self.input * share, output=self.output * share, cached=cached)

    def usd(self, prompt_tokens: float, completion_tokens: float, cached_tokens: float = 0) -> float:
        """Return what so many tokens cost; `cached_tokens` are those of the prompt that were at hand."""
        cached = self.input if self.cached is None else self.cached
        fresh = prompt_tokens - cached_tokens
        return (self.input * fresh + cached * cached_tokens + self.output * completion_tokens) / 1e6


class Priced(Protocol):
    """An endpoint as far as money goes: its price table by model, and whether models without a price are free."""

    @property
    def prices(self) -> Mapping[str, Mapping[str, Any]]: ...

    @property
    def is_free(self) -> bool: ...


def price_of(endpoint: Priced | None, model: str) -> Price | None:
    """Return a model's price; None if the table has none, or there is no such endpoint any more."""
    entry = endpoint.prices.get(model) if endpoint else None
    if entry is not None:
        return Price(entry["input"], entry["output"], entry.get("cached"), entry.get("source", ""))
    return Price(0.0, 0.0) if endpoint and endpoint.is_free else None


def tokens_in(text: str) -> int:
    """Return a text's length in tokens, roughly: four characters each, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def prompt_tokens(request: Request) -> int:
    """Return a request's length in tokens, roughly."""
    return sum(tokens_in(message.content) for message in request.messages)


def likely_tokens(text: str) -> int:
    """Return a text's length in tokens in any script, roughly: four bytes of UTF-8 each.

    >>> likely_tokens("Ada saw Lisbon."), likely_tokens("他在北京工作。")
    (4, 6)
    """
    return -(-len(text.encode()) // _LIKELY_BYTES_PER_TOKEN)


def room_needed(request: Request) -> int:
    """Return how many tokens a request takes with the longest answer that it may have, roughly."""
    sizes = [likely_tokens(message.content) + _TOKENS_AROUND_MESSAGE for message in request.messages]
    return sum(sizes) + request.settings.max_tokens


def most_tokens(request: Request) -> tuple[int, int]:
    """Return prompt and completion tokens at most: no tokenizer in use makes more of the bytes, no model may write
    more."""
    sizes = [len(message.content.encode()) for message in request.messages]
    if request.schema is not None:
        sizes.append(len(str(request.schema).encode()))
    prompt = sum(size // _LEAST_BYTES_PER_TOKEN + _TOKENS_AROUND_MESSAGE for size in sizes)
    return prompt, request.settings.max_tokens
