"""litellm's price list, for models that params `prices` lacks: the provider's own price, else an estimate.

The list is a file of the installed package: it is read without importing litellm, which takes seconds, and without
network. Only what is planned, set aside for a budget or counted beside the answers is priced by it: outputs are not, as
another version has other prices.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from diziner.common import jsontext
from diziner.endpoints import Endpoint
from diziner.prices import Price, price_of

_FILE = "model_prices_and_context_window_backup.json"
_SHORTEST = 5  # characters of a model's name that tells it from others
_PER = 1e6  # the list has US dollars a token


def price_for(endpoint: Endpoint | None, model: str) -> Price | None:
    """Return a model's price by params, else by the list; None where neither has the model.

    Where the list has it at other providers only, the price is an estimate: the highest of theirs. A server of one's
    own (`api_base`, `base_urls`) has no price but that of params.
    """
    price = price_of(endpoint, model)
    if price is not None or endpoint is None or endpoint.api_base or endpoint.base_urls:
        return price
    return _listed(endpoint.provider, model) or _estimated(model)


def deprecated_on(endpoint: Endpoint, model: str) -> str:
    """Return the date (YYYY-MM-DD) on which the provider withdraws a model by the list; nothing if it names none."""
    entry = _entry(endpoint.provider, model) or {}
    return str(entry.get("deprecation_date", ""))


def _listed(provider: str, model: str) -> Price | None:
    entry = _entry(provider, model)
    return _price(entry, f"litellm {_version()}") if entry is not None and _is_priced(entry) else None


def _entry(provider: str, model: str) -> Mapping[str, Any] | None:
    for name in (f"{provider}/{model}", model):
        entry = _list().get(name)
        if entry is not None and entry.get("litellm_provider") == provider:
            return entry
    return None


@cache
def _estimated(model: str) -> Price | None:
    wanted = _names(model)
    hosts = [entry for name, entry in _list().items() if _names(name) & wanted and _is_priced(entry)]
    if not hosts:
        return None
    source = f"the dearest of {len(hosts)} entries in litellm {_version()}"
    prices = [_price(entry, source) for entry in hosts]
    return Price(max(p.input for p in prices), max(p.output for p in prices), None, source, is_estimate=True)


def _names(model: str) -> set[str]:
    """Return what a model may be called elsewhere: its last name, with and without its maker's in front.

    Names that could be anyone's (`m`, `v3.2`, `best`) are none.

    >>> sorted(_names("nvidia/NVIDIA-Nemotron-Nano-9B-v2"))
    ['nemotron-nano-9b-v2', 'nvidia-nemotron-nano-9b-v2']
    >>> sorted(_names("meta-llama/llama-3.1-8b-instruct:free"))
    ['llama-3.1-8b-instruct']
    """
    *makers, last = model.lower().split(":")[0].split("/")
    if (head := last.partition("."))[2] and head[0].isalpha():
        last = head[2]  # bedrock's: nvidia.nemotron-nano-9b-v2
    makers += ["meta"]
    names = {last, *(last.removeprefix(f"{maker}-") for maker in makers)}
    return {name for name in names if len(name) >= _SHORTEST and name[0].isalpha() and re.search(r"\d", name)}


def _is_priced(entry: Mapping[str, Any]) -> bool:
    chats = entry.get("mode", "chat") == "chat"
    return chats and all(_number(entry.get(f"{way}_cost_per_token")) is not None for way in ("input", "output"))


def _price(entry: Mapping[str, Any], source: str) -> Price:
    cached = _number(entry.get("cache_read_input_token_cost"))
    return Price(
        round(_PER * entry["input_cost_per_token"], 6),
        round(_PER * entry["output_cost_per_token"], 6),
        None if cached is None else round(_PER * cached, 6),
        source,
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _version() -> str:
    return importlib.metadata.version("litellm")


@cache
def _list() -> dict[str, Mapping[str, Any]]:
    found = importlib.util.find_spec("litellm")
    path = Path(found.origin).with_name(_FILE) if found and found.origin else None
    if path is None or not path.is_file():
        return {}
    entries: dict[str, Any] = jsontext.body(path.read_bytes())
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict)}
