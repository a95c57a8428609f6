"""List of a server's models: asked for free, before anything is paid. Servers that have none are no error."""

from __future__ import annotations

import os
from typing import Any

from diziner.common import jsontext
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


def listed_at(endpoint: Endpoint, api_base: str | None) -> list[str] | None:
    """Return the names of models that the server lists, sorted; None if it does not answer with such a list.

    Errors: UserError for a missing key.
    """
    import httpx

    from diziner.endpoints.bodies import fetched

    base = api_base or _base(endpoint.provider)
    key = endpoint.key()
    if base is None:
        return None
    try:
        status, data = fetched("GET", f"{base.rstrip('/')}/models", _headers(endpoint.provider, key), _LIMIT_S)
        rows: Any = jsontext.body(data) if status == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    if isinstance(rows, dict):  # together_ai sends the list alone
        rows = rows.get("data")
    if not isinstance(rows, list):
        return None
    names = {row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}
    return sorted(name.removeprefix("models/") for name in names) or None


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
