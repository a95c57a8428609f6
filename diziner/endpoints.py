"""Endpoints: where models are reached. Transport only: none of it but the address is part of a request.

The threads of a local model change some answers all the same, as its processor does (docs/models.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diziner.common.errors import UserError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry of params `endpoints`.

    `kind`: hosted (through litellm), local (weights on this machine) or scripted (tests and rehearsals).
    `provider` is litellm's prefix, `api_base` a base URL of one's own. `key_env` names the environment
    variable that holds the key; None where none is needed. `base_urls` are several servers of the same models in
    place of one `api_base` (`diziner.llm.replicas`); all limits below are those of all together.

    `concurrency` is the most calls in flight, `rpm` and `tpm` the requests and tokens a minute that calls are
    spread over (None: no limit). A request has `attempts` calls in all, each of at most `timeout_s` seconds, and
    `total_timeout_s` seconds from the first call to the end, waits included. `prices` are US dollars per million
    tokens by model: `{"model": {"input": 0.25, "output": 2.0}}`. `identity` is what must not change while a
    model keeps its name and revision: fingerprint (and model), model (as reported), or off. The fingerprint of a
    local answer is what computed it (`diziner.llm.provenance`), which may change.
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
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    identity: str = "fingerprint"
    threads: int = 2
    context: int = 4096

    @property
    def is_free(self) -> bool:
        """Whether its models cost nothing unless they are priced: those on this machine, and scripted ones."""
        return self.kind != "hosted"

    @property
    def address(self) -> str:
        """What identifies the endpoint in a request key.

        Several servers are identified by the endpoint's name: an answer is the same whichever gave it, and stays
        when servers come and go. If they are to hold another model, its `revision` must say so.
        """
        if self.kind != "hosted":
            return self.kind
        if self.base_urls:
            return f"{self.provider}@{self.name}"
        return f"{self.provider}@{self.api_base}" if self.api_base else self.provider

    def key(self) -> str | None:
        """The key from the environment, or None where the endpoint needs none.

        Errors: UserError with the variable to set.
        """
        if self.key_env is None:
            return None
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise UserError(f"endpoint {self.name}: no key: set the environment variable {self.key_env}")
        return key


def endpoints_from(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Endpoint]:
    """The endpoints of params by name.

    Errors: UserError for `base_urls` where there is no choice of servers.
    """
    return {name: _endpoint(name, entry) for name, entry in params.items()}


def _endpoint(name: str, entry: Mapping[str, Any]) -> Endpoint:
    urls = tuple(entry.get("base_urls", ()))
    if urls and (entry["kind"] != "hosted" or entry.get("api_base")):
        raise UserError(f"params.yaml: endpoints.{name}.base_urls: only for kind hosted, in place of api_base")
    return Endpoint(**{**entry, "name": name, "base_urls": urls})
