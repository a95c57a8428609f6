"""Rows of the response store and of tapes: a request, the response or refusal that came back, and a digest.

The key is the digest of the request, and the row's digest is of key and reply: so a row is either as it was kept, or
it is found out. A reply is written as a JSON object: `response`, `usage` and `provenance`, or `refusal` alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from diziner.prompting.request import Refusal, Reply, Response, key_of

Row = tuple[str, dict[str, Any], Reply]  # key, canonical request, reply

ANSWER, REFUSAL, FAILED = 2, 1, 0

_MOST_TOKENS = 10**12
_MOST_USD = 1e9
_FIELDS = {
    "response": {"finish_reason", "text"},
    "usage": {"cached_tokens", "completion_tokens", "cost_usd", "prompt_tokens"},
    "provenance": {"fingerprint", "model"},
}
_ALL_FIELDS = len(_FIELDS) + sum(map(len, _FIELDS.values()))
_TEXTS = ("text", "finish_reason", "model", "fingerprint")
_COUNTS = ("prompt_tokens", "cached_tokens", "completion_tokens")


class DamagedRowError(ValueError):
    """A row that is not as it was kept, or never was one."""


def rank(reply: Reply) -> int:
    """Say what a reply is: an answer, a refusal (by the provider or by the model), or else no answer.

    What is no answer else (truncated, empty) may come out otherwise when it is asked again; a refusal will not. A row
    gives way to one of higher rank only.
    """
    failure = reply.failure
    if failure is None:
        return ANSWER
    return REFUSAL if isinstance(reply, Refusal) or failure.code == "refused" else FAILED


def fingerprint_of(reply: Reply) -> str:
    """Return what the reply says that it was computed with; nothing for a refusal."""
    return reply.fingerprint if isinstance(reply, Response) else ""


def is_same_answer(one: Reply, other: Reply) -> bool:
    """Return whether two replies are equal, wherever they were computed."""
    if isinstance(one, Response) and isinstance(other, Response):
        return replace(one, fingerprint="") == replace(other, fingerprint="")
    return one == other


def reply_text(reply: Reply) -> str:
    """Return the reply as it is kept and digested: JSON on one line, keys sorted, no spaces."""
    return compact(reply_to_json(reply))


def compact(value: object) -> str:
    """Return JSON on one line, keys sorted, no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def row_digest(key: str, text: str) -> str:
    """Return the digest of a row from its key and its reply's text, 32 hex digits."""
    return hashlib.sha256(f"{key} {text}".encode()).hexdigest()[:32]


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """Return the reply as a JSON object."""
    if isinstance(reply, Refusal):
        return {"refusal": {"code": reply.code, "detail": reply.detail, "status": reply.status}}
    return {
        "response": {"finish_reason": reply.finish_reason, "text": reply.text},
        "usage": {
            "cached_tokens": reply.cached_tokens,
            "completion_tokens": reply.completion_tokens,
            "cost_usd": reply.cost_usd,
            "prompt_tokens": reply.prompt_tokens,
        },
        "provenance": {"fingerprint": reply.fingerprint, "model": reply.model},
    }


def reply_from_json(value: Any) -> Reply:
    """Return the inverse of `reply_to_json`. Errors: DamagedRowError for any other shape, type or number."""
    reply = _plain_response(value)
    if reply is not None:
        return reply
    if not isinstance(value, dict):
        raise DamagedRowError("a reply must be an object")
    if "refusal" in value:
        return _refusal(value)
    if value.keys() != _FIELDS.keys():
        raise DamagedRowError(f"has {_listed(value)} in place of {_listed(_FIELDS)}, or of refusal alone")
    fields: dict[str, Any] = {}
    for part, names in _FIELDS.items():
        held = value[part]
        if not isinstance(held, dict) or held.keys() != names:
            raise DamagedRowError(f"{part} must have exactly {_listed(names)}")
        fields |= held
    for name, given in fields.items():
        if not _fits(name, given):
            raise DamagedRowError(f"{name} must be {_allowed(name)}")
    return Response(**fields)


def sane(response: Reply) -> Reply:
    """Return the response with numbers and names that no row can hold left out: an answer is not lost for them."""
    if not isinstance(response, Response):
        return response
    nothing: dict[str, Any] = {**dict.fromkeys(_TEXTS, ""), **dict.fromkeys(_COUNTS, 0), "cost_usd": None}
    held = {name: getattr(response, name) for name in nothing}
    return Response(**{name: value if _fits(name, value) else nothing[name] for name, value in held.items()})


def rekey(rows: Iterable[Row], change: Callable[[dict[str, Any]], Mapping[str, Any] | None]) -> Iterator[Row]:
    """Yield the rows with the schema of their requests changed, and so their keys; the replies stay.

    `change` gives the schema to send from a request in canonical form. It is for schemas that allow the same
    answers in other words, as a provider's subset of JSON Schema asks: else the answers are to others' questions.
    """
    for _, request, reply in rows:
        changed = {**request, "schema": change(request)}
        yield key_of(changed), changed, reply


def _plain_response(value: Any) -> Response | None:
    """Return the response where all is as it must be: told four times as fast as what is wrong. Else None."""
    try:
        response, usage, provenance = value["response"], value["usage"], value["provenance"]
        text, reason = response["text"], response["finish_reason"]
        model, fingerprint = provenance["model"], provenance["fingerprint"]
        prompt, cached, written = usage["prompt_tokens"], usage["cached_tokens"], usage["completion_tokens"]
        cost = usage["cost_usd"]
    except (KeyError, TypeError):
        return None
    fits = (
        type(text) is type(reason) is type(model) is type(fingerprint) is str
        and type(prompt) is type(cached) is type(written) is int
        and 0 <= prompt <= _MOST_TOKENS
        and 0 <= cached <= _MOST_TOKENS
        and 0 <= written <= _MOST_TOKENS
        and (cost is None or (type(cost) is float and 0 <= cost <= _MOST_USD))
        and len(value) + len(response) + len(provenance) + len(usage) == _ALL_FIELDS
    )
    return Response(text, reason, model, fingerprint, prompt, written, cost, cached) if fits else None


def _refusal(value: Mapping[str, Any]) -> Refusal:
    held = value["refusal"]
    if len(value) > 1 or not isinstance(held, dict) or held.keys() != {"code", "detail", "status"}:
        raise DamagedRowError("a refusal stands alone and has exactly code, detail and status")
    if type(held["code"]) is not str or type(held["detail"]) is not str or type(held["status"]) is not int:
        raise DamagedRowError("code and detail of a refusal must be text, status a whole number")
    return Refusal(**held)


def _fits(name: str, value: Any) -> bool:
    if name in _COUNTS:
        return type(value) is int and 0 <= value <= _MOST_TOKENS
    if name == "cost_usd":
        return value is None or (type(value) in (int, float) and 0 <= value <= _MOST_USD)  # NaN is not
    return type(value) is str


def _allowed(name: str) -> str:
    if name in _COUNTS:
        return f"a whole number from 0 to {_MOST_TOKENS}"
    return f"null or a number from 0 to {_MOST_USD:.0f}" if name == "cost_usd" else "text"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
