"""Endpoints: where models are reached. Transport only: none of it but the address is part of a request.

The threads of a local model change some answers all the same, as its processor does (docs/models.md). What the kinds
of endpoints have in common is `Backend`; each kind is one class, found by its entry in `BACKENDS`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from diziner.common.errors import UserError
from diziner.endpoints.batching import MODES, Batch, BatchMode
from diziner.prompting.request import ModelSettings, Reply, Request, Response

# Makes one call. Errors: UserError for what will not mend itself, else those of diziner.endpoints.failures.
Send = Callable[[Request], Awaitable[Reply]]
Identity = tuple[str, str]  # the model that answered and its fingerprint, as the model itself reports them
Weights = Mapping[str, Mapping[str, Any]]  # params `weights`: entries by model

# Each kind's class, as `module:class`. Modules are imported when an endpoint of the kind is used.
BACKENDS: dict[str, str] = {
    "hosted": "diziner.endpoints.hosted:Hosted",
    "local": "diziner.endpoints.local:Local",
    "scripted": "diziner.endpoints.in_process:Scripted",
}
LOCAL_CONTEXT = 4096  # tokens that a local model can see unless its endpoint says more


class Backend(Protocol):
    """A kind of endpoint: what its declaration means, and how its models are called.

    `is_free`: its models cost nothing unless they are priced. `runs_here`: its models are weights of params
    `weights`, in this machine's memory, one at a time.
    """

    is_free: bool
    runs_here: bool

    def check(self, endpoint: Endpoint) -> None:
        """Raise UserError, which begins with the key, for a declaration that this kind cannot use."""

    def address(self, endpoint: Endpoint) -> str:
        """Return what identifies the endpoint in a request key."""

    def batch_mode(self, endpoint: Endpoint) -> BatchMode | None:
        """Return how its models can be asked in batches; None if they cannot."""

    def identity(self, response: Response) -> Identity:
        """Return who answered, as far as it must not change while a model keeps its name and revision."""

    def models(self, endpoint: Endpoint) -> list[str] | None:
        """Return the names of the models that the server lists; None if it has no list."""

    def ready(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> None:
        """Raise UserError for what a call would lack, a key or weights; starts nothing."""

    def connect(self, endpoint: Endpoint, model: ModelSettings, weights: Weights) -> Send:
        """Return what makes calls to a model, with all that takes long done before: imports, a server's start.

        What it started lives as long as what is returned. Errors: UserError if it cannot be started.
        """


@cache
def backend_of(kind: str) -> Backend:
    """Return the backend of a kind; UserError with the kinds there are."""
    if kind not in BACKENDS:
        raise UserError(f"kind: is {kind!r}; there are: {', '.join(sorted(BACKENDS))}")
    module, _, name = BACKENDS[kind].partition(":")
    backend: Backend = getattr(importlib.import_module(module), name)()
    return backend


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry of params `endpoints`.

    `kind`: hosted (through litellm), local (weights on this machine), scripted (tests and rehearsals), or any other
    in `BACKENDS`.
    `provider` is litellm's prefix, `api_base` a base URL of one's own. `key_env` names the environment
    variable that holds the key; None where none is needed. `base_urls` are several servers of the same models in
    place of one `api_base` (`diziner.endpoints.replicas`); all limits below are those of all together.

    `concurrency` is the most calls in flight, `rpm` and `tpm` the requests and tokens a minute that calls are
    spread over (None: no limit). A request has `attempts` calls in all, each of at most `timeout_s` seconds, and
    `total_timeout_s` seconds from the first call to the end, waits included. `prices` are US dollars per million
    tokens by model: `{"model": {"input": 0.25, "cached": 0.025, "output": 2.0}}`. `identity` is what must not change
    while a model keeps its name and revision: fingerprint (and model), model (as reported), or off. The fingerprint of
    a local answer is what computed it (`diziner.endpoints.provenance`), which may change. With `batch` requests go out
    in batches (`diziner.llm.submitting`). `context` is how many tokens a model can see, prompt and answer together,
    `contexts` by model where those of an endpoint differ; a local model is started with it. `prefix_cache_mib` is how
    much all that local models have read of prompts' beginnings may take on disk (`diziner.endpoints.prefix_files`).
    A reply of more than `max_reply_mb` MiB is broken off, and counts as none.
    """

    name: str
    kind: str
    provider: str = "openai"
    api_base: str | None = None
    base_urls: tuple[str, ...] = ()
    key_env: str | None = None
    concurrency: int = 1
    attempts: int = 4
    timeout_s: float = 120.0
    total_timeout_s: float = 1800.0
    rpm: float | None = None
    tpm: float | None = None
    prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    identity: str = "fingerprint"
    batch: Batch | None = None
    threads: int = 2
    context: int | None = None
    contexts: Mapping[str, int] = field(default_factory=dict)
    prefix_cache_mib: int = 2048
    max_reply_mb: float = 16.0

    @property
    def backend(self) -> Backend:
        """Backend of its kind."""
        return backend_of(self.kind)

    @property
    def is_free(self) -> bool:
        """Whether its models cost nothing unless they are priced."""
        return self.backend.is_free

    def window(self, model: str) -> int | None:
        """Return how many tokens a model can see, prompt and answer together; None where nobody has said."""
        unsaid = LOCAL_CONTEXT if self.backend.runs_here else None
        return self.contexts.get(model, self.context or unsaid)

    @property
    def batch_mode(self) -> BatchMode | None:
        """Batch mode of its provider, with what `batch` sets otherwise; None if it has none."""
        mode = self.backend.batch_mode(self)
        return self.batch.within(mode) if mode and self.batch else mode

    @property
    def address(self) -> str:
        """Address that identifies the endpoint in a request key."""
        return self.backend.address(self)

    def key(self) -> str | None:
        """Return the key from the environment, or None where the endpoint needs none.

        Errors: UserError with the variable to set.
        """
        if self.key_env is None:
            return None
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise UserError(f"endpoint {self.name}: no key: set the environment variable {self.key_env}")
        return key


def endpoints_from(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Endpoint]:
    """Return the endpoints of params by name.

    Errors: UserError for an unknown kind, or a declaration that its kind cannot use.
    """
    return {name: endpoint_from(name, entry, f"params.yaml: endpoints.{name}.") for name, entry in params.items()}


def endpoint_from(name: str, entry: Mapping[str, Any], where: str) -> Endpoint:
    """Make an endpoint of an entry that fits its schema; `where` begins the message of what its kind cannot use.

    Errors: UserError as `endpoints_from`.
    """
    batch = None if entry.get("batch") is None else Batch(**entry["batch"])
    endpoint = Endpoint(**{**entry, "name": name, "base_urls": tuple(entry.get("base_urls", ())), "batch": batch})
    try:
        endpoint.backend.check(endpoint)
        if endpoint.batch and endpoint.batch_mode is None:
            raise UserError(
                "batch: only for kind hosted with one server, and these providers: "
                f"{', '.join(sorted(MODES))}; leave it out"
            )
    except UserError as error:
        raise UserError(f"{where}{error}") from None
    return endpoint
