"""Prices in batches, for plans: what can go out in batches costs less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from diziner.endpoints import Endpoint
from diziner.endpoints.batching import Batch
from diziner.llm.waiting import goes_out


def share_in_batches(endpoint: Endpoint, label: str) -> float:
    """Return the share of the price that work costs if it goes out in batches where it can; 1 where it cannot.

    Of an endpoint that is not set to have batches, it is what it would cost if it were.
    """
    mode = endpoint.batch_mode
    if mode is None or not goes_out(endpoint if endpoint.batch else replace(endpoint, batch=Batch()), label):
        return 1.0
    return 1.0 - mode.discount


def batch_modes(works: Iterable[tuple[str, str]], endpoints: Mapping[str, Endpoint]) -> list[str]:
    """Return a sentence for each endpoint that has batches: at which price, and how to use them. `works` are what is
    asked, as endpoint and label. Where batches would not make any of it cheaper they are not offered."""
    labels: dict[str, list[str]] = {}
    for name, label in works:
        labels.setdefault(name, []).append(label)
    found = []
    for name in sorted(labels.keys() & endpoints.keys()):
        endpoint = endpoints[name]
        mode = endpoint.batch_mode
        saves = any(share_in_batches(endpoint, label) < 1 for label in labels[name])
        if mode is None or not (endpoint.batch or saves):
            continue
        price = f"{100 * (1 - mode.discount):g} % of the price"
        how = "`diziner batch submit`" if endpoint.batch else f"set endpoints.{name}.batch: {{window: 24h}}"
        found.append(f"{name} takes batches at {price}: {how}")
    return found
