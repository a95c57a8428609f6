"""Batch modes of providers: what is off the price, and how much one file may hold.

Discounts and limits are those of the providers' own pages, read in November 2026; where a discount differs by model
(xAI), the smallest. `hosted_vllm` and `litellm_proxy` are servers of one's own: vLLM itself has no batches, a proxy
of litellm before it has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class BatchMode:
    """Batch mode of a provider: the share of the price that is saved; the most requests and megabytes of one file."""

    discount: float
    max_requests: int
    max_mb: float


MODES: dict[str, BatchMode] = {
    "azure": BatchMode(0.5, 50_000, 200),
    "hosted_vllm": BatchMode(0.0, 50_000, 200),
    "litellm_proxy": BatchMode(0.0, 50_000, 200),
    "mistral": BatchMode(0.5, 100_000, 512),
    "openai": BatchMode(0.5, 50_000, 200),
    "xai": BatchMode(0.2, 50_000, 200),
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Settings of an endpoint whose requests go out in batches.

    `window` is how long the provider may take. `discount`, `max_requests` and `max_mb` are the provider's where they
    are None. `max_enqueued_tokens` is the most prompt tokens that wait in a model's batches together; None: no limit
    is known. `repairs` and `supervisor`: repair turns and the supervisor's requests go out in batches too.
    """

    window: str = "24h"
    discount: float | None = None
    max_requests: int | None = None
    max_mb: float | None = None
    max_enqueued_tokens: int | None = None
    repairs: bool = False
    supervisor: bool = False

    def within(self, mode: BatchMode) -> BatchMode:
        """Return the provider's mode with what is set otherwise."""
        own = {name: getattr(self, name) for name in ("discount", "max_requests", "max_mb")}
        return replace(mode, **{name: value for name, value in own.items() if value is not None})
