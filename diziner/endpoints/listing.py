"""List of a server's models: asked for free, before anything is paid. Servers that have none are no error."""

from __future__ import annotations

import os
from typing import Any

from diziner.common import jsontext
from diziner.common.errors import UserError
from diziner.common.plain import plain_message
from diziner.common.secret_values import masked
from diziner.endpoints import Endpoint

_LIMIT_S = 20.0
# Where providers list models, if they do so in OpenAI's form; litellm knows others' addresses.
_BASES = {
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
}
# The variables by which litellm lets people move a provider's address.
_MOVED = {"openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"), "openrouter": ("OPENROUTER_API_BASE",)}


def models_listed(endpoint: Endpoint) -> list[str]:
    """Return the names of models that a server at a base URL lists, sorted.

    Errors: UserError in one line for what is no address, nobody there, a missing or wrong key, and no such list.
    """
    import httpx

    from diziner.endpoints.causes import cause_of

    url = _address(endpoint.api_base or "")
    try:
        status, data = _asked(url, endpoint)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        cause = cause_of(error, endpoint.api_base)
        raise UserError(f"{endpoint.api_base}: {cause.words if cause else plain_message(str(error))}") from None
    if status in (401, 403):
        how = f"the key in {endpoint.key_env} is refused" if endpoint.key_env else "it asks for a key: --key-env NAME"
        raise UserError(f"{endpoint.api_base}: {how} (HTTP {status})")
    if status != 200:
        raise UserError(f"{url}: HTTP {status}, no list of models; most base URLs end in /v1")
    names = _names(data)
    if names is None:
        raise UserError(f"{url}: no list of models in OpenAI's form; most base URLs end in /v1")
    return names


def listed_at(endpoint: Endpoint, api_base: str | None) -> list[str] | None:
    """Return the names of models that the server lists, sorted; None if it does not answer with such a list.

    Errors: UserError for a missing key.
    """
    import httpx

    base = api_base or _base(endpoint.provider)
    if base is None:
        endpoint.key()  # a missing key is said all the same
        return None
    try:
        status, data = _asked(_address(base), endpoint)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return _names(data) if status == 200 else None


def _address(base: str) -> str:
    return f"{base.rstrip('/')}/models"


def _asked(url: str, endpoint: Endpoint) -> tuple[int, bytes]:
    from diziner.endpoints.bodies import fetched

    return fetched("GET", url, _headers(endpoint.provider, endpoint.key()), _LIMIT_S)


def _names(data: bytes) -> list[str] | None:
    """Return the names in a reply, sorted; None if it is no list of models."""
    try:
        rows: Any = jsontext.body(data)
    except jsontext.JsonError:
        return None
    if isinstance(rows, dict):  # together_ai sends the list alone
        rows = rows.get("data")
    if not isinstance(rows, list):
        return None
    names = {row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}
    return sorted(masked(name).removeprefix("models/") for name in names) or None


def _headers(provider: str, key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if provider == "anthropic":
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return {"Authorization": f"Bearer {key}"}


def _base(provider: str) -> str | None:
    moved = (os.environ.get(name) for name in _MOVED.get(provider, ()))
    known = next(filter(None, moved), None) or _BASES.get(provider)
    if known:
        return known
    from diziner.endpoints.client import prepare

    prepare()
    from litellm import get_llm_provider
    from litellm.exceptions import BadRequestError

    try:
        _, _, _, base = get_llm_provider("any", custom_llm_provider=provider)
    except BadRequestError:
        return None
    return base if isinstance(base, str) else None
