"""Models of a server made the active settings: `diziner use --endpoint URL --models a,b,c --supervisor d`.

The server is asked which models it has, and each is tried once, before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diziner.common.errors import ProviderError, UserError
from diziner.common.yamledit import with_value
from diziner.common.yamlfile import parse_yaml
from diziner.endpoints import Endpoint
from diziner.endpoints.listing import models_listed
from diziner.layout import PARAMS
from diziner.llm.probe import probe
from diziner.llm.roll_call import nearest
from diziner.llm.store import ResponseStore
from diziner.prompting.request import ModelSettings
from diziner.settings import settings_from

_FEWEST = 2  # annotators, for disagreement
_HELD_BY = ("json_schema", "json_object", "none")  # what answers can be held to, the best first
_ENDPOINT = {"kind": "hosted", "concurrency": 8, "attempts": 6, "timeout_s": 600}
_MOST_TOKENS = 4096  # of an answer
_PROMPT = "annotate.v2"  # for models that are hosted


@dataclass(frozen=True, slots=True)
class Served:
    """One model of a server, in the form in which it answered, and the name by which it did."""

    model: ModelSettings
    answered_as: str

    def line(self) -> str:
        """Return what a person is told about it."""
        other = "" if self.answered_as in ("", self.model.model) else f", answers as {self.answered_as}"
        kept = "" if self.model.structured != "none" else ": its answers are not held to a form"
        return f"{self.model.model}: {self.model.structured}{kept}{other}\n"


def with_server(text: str, url: str, name: str, key_env: str | None) -> tuple[str, Endpoint]:
    """Return params.yaml, whose settings are valid, with a server as an endpoint, and the endpoint: the one that has
    its address already, else a new one by that name, or by the host's.

    Errors: UserError for what is no address, or one that holds a key; for a name that another address has.
    """
    base = url.strip().rstrip("/")
    if "://" not in base:
        raise UserError(
            f"--endpoint: {url!r} is not an address that begins with http:// or https://, such as http://HOST:8000/v1"
        )
    endpoints = parse_yaml(text, str(PARAMS))["endpoints"]
    known = next((own for own, entry in endpoints.items() if entry.get("api_base") == base), None)
    own = name or known or re.sub(r"[^A-Za-z0-9_.-]+", "_", base.partition("://")[2].partition("/")[0]) or "server"
    if own in endpoints and endpoints[own].get("api_base") != base:
        other = endpoints[own].get("api_base") or "another server"
        raise UserError(f"{PARAMS}: endpoints.{own} is {other}; give that, or name this one: --name NAME")
    entry = {**_ENDPOINT, **endpoints.get(own, {}), "api_base": base, **({"key_env": key_env} if key_env else {})}
    made = with_value(text, ["endpoints", own], entry)
    return made, settings_from(parse_yaml(made, str(PARAMS)), str(PARAMS)).endpoints[own]


def chosen_models(endpoint: Endpoint, models: Sequence[str], supervisor: str) -> tuple[list[str], str]:
    """Return the annotators' models and the supervisor's: those that are named, else all that the server lists, and
    the first for the supervisor.

    Errors: UserError for a server that cannot be asked, and for a model that it does not list, with those like it.
    """
    listed = models_listed(endpoint)
    for model in [*models, *([supervisor] if supervisor else [])]:
        if model not in listed:
            like = nearest(model, listed) or f" (there are: {', '.join(listed[:8])}{', …' if listed[8:] else ''})"
            raise UserError(f"{endpoint.api_base}: it has no model {model}{like}")
    own = list(models) or listed
    return own, supervisor or own[0]


def tried(store: ResponseStore, endpoint: Endpoint, model: str, budget_usd: float | None) -> Served:
    """Return a model in the best form in which it answers: each form is one tiny request, until one is kept.

    Errors: ProviderError, or UserError for what will not mend itself, if it answers in none.
    """
    for held_by in _HELD_BY:
        settings = ModelSettings(endpoint.name, model, max_tokens=_MOST_TOKENS, structured=held_by)
        found = probe(store, endpoint, settings, {}, budget_usd)
        if found.response is not None and (found.held or held_by == "none"):
            return Served(settings, found.response.model)
    kind = UserError if found.stays else ProviderError
    raise kind(f"{endpoint.api_base}: {model}: {found.problem or 'no answer'}; nothing was written")


def settings_with(text: str, annotators: Sequence[Served], supervisor: Served) -> str:
    """Return params.yaml with an annotator for each model, the pool of these, and the supervisor; all other settings
    and all comments stay. A single model annotates twice, shown examples as turns or not.

    Errors: UserError if the file is written so that it cannot be changed, or the result is no valid settings.
    """
    made = text
    styles = ("few_shot", "plain") if len(annotators) < _FEWEST else ("few_shot",)
    pool = []
    for served in annotators:
        for style in styles:
            known = parse_yaml(made, str(PARAMS))["annotators"]
            wanted = {**_model(served), "style": style, "prompt": _PROMPT}
            name = _name(served.model.model, style if len(styles) > 1 else "", known, wanted)
            made = with_value(made, ["annotators", name], wanted)
            pool.append(name)
    made = with_value(made, ["annotator_pool"], pool)
    made = with_value(made, ["supervisor", "model"], _model(supervisor))
    made = with_value(made, ["supervisor", "batch"], "all")
    settings_from(parse_yaml(made, str(PARAMS)), str(PARAMS))
    return made


def _model(served: Served) -> dict[str, Any]:
    model = served.model
    return {
        "endpoint": model.endpoint,
        "model": model.model,
        "temperature": model.temperature,
        "max_tokens": model.max_tokens,
        "seed": model.seed,
        "structured": model.structured,
    }


def _name(model: str, style: str, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return a name for an annotator that no other one has."""
    base = re.sub(r"[^a-z0-9]+", "_", model.rsplit("/", 1)[-1].lower()).strip("_") or "model"
    base = f"{base}_{style}" if style else base
    name, number = base, 1
    while name in known and known[name] != wanted:
        number += 1
        name = f"{base}_{number}"
    return name
