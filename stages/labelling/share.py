"""Dividing an endpoint's limits among workers, so that together they keep to them."""

from __future__ import annotations

from dataclasses import replace

from stages.llm.endpoint import Endpoint


def share_of(endpoint: Endpoint, worker: int, workers: int) -> Endpoint:
    """The endpoint as the `worker`-th of `workers` may use it; at least one call in flight each.

    The shares of `concurrency` sum to the whole as long as there are no more workers than that.

    >>> [share_of(Endpoint("web", "hosted", concurrency=8, rpm=60), n, 3).concurrency for n in range(3)]
    [3, 3, 2]
    """
    each, rest = divmod(endpoint.concurrency, workers)
    return replace(
        endpoint,
        concurrency=max(1, each + (worker < rest)),
        rpm=None if endpoint.rpm is None else endpoint.rpm / workers,
        tpm=None if endpoint.tpm is None else endpoint.tpm / workers,
    )
