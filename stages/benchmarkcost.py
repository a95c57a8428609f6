"""What the answers behind a benchmark's outputs cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.answercost import usage_of
from stages.files import read_json
from stages.llm.endpoint import Endpoint
from stages.llm.prices import price_of
from stages.rooms import Room
from stages.settings import Settings
from stages.usage import CHOSEN, SUPERVISOR, answers_at_hand, response_keys

_UNPRICED = Endpoint("", "hosted"), ""


def benchmark_usd(place: Room, settings: Settings) -> float | None:
    """What the answers behind a benchmark's outputs cost: the provider's word, else the active price table's.

    None if an answer is not at hand, its model has no price, or several models of different prices voted on the
    test documents: a vote does not say which answer is whose.
    """
    params, endpoints = settings.raw, settings.endpoints
    asked = response_keys(place, [entry["id"] for entry in params["rounds"]], settings.pool)
    selection = read_json(place.selection, "selection")
    voters = [voter["settings"] for voter in selection["voters"].values()] or [selection["settings"]]
    voting = [_asked(voter, endpoints) for voter in voters]
    models = {
        **{("annotator", name): _asked(params["annotators"][name], endpoints) for name in settings.pool},
        (SUPERVISOR, ""): _asked(params["supervisor"]["model"], endpoints),
        (CHOSEN, ""): voting[0] if len({price_of(*own) for own in voting}) == 1 else _UNPRICED,
    }
    answers = answers_at_hand(place, {key for keys in asked.values() for key in keys})
    # A vote's answers may be a round's, too: what says whose they are comes last and wins.
    order = sorted(asked, key=lambda who: who != (CHOSEN, ""))
    usd: float | None = usage_of([(key, *models[who]) for who in order for key in asked[who]], answers)["usd"]
    return usd


def _asked(entry: Mapping[str, Any], endpoints: Mapping[str, Endpoint]) -> tuple[Endpoint, str]:
    # An endpoint that params no longer have has no prices.
    return endpoints.get(entry["endpoint"]) or Endpoint(entry["endpoint"], "hosted"), entry["model"]
