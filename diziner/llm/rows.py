"""Rows of the response store and of tapes: a request, and the response or refusal that came back."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from diziner.prompting.request import Refusal, Reply, Response

Row = tuple[str, dict[str, Any], Reply]  # key, canonical request, reply

ANSWER, REFUSAL, FAILED = 1, 2, 0


def rank(reply: Reply) -> int:
    """Say what a reply is: an answer, a refusal (by the provider or by the model), or else no answer.

    What is no answer else (truncated, empty) may come out otherwise when it is asked again; a refusal will not.
    """
    failure = reply.failure
    if failure is None:
        return ANSWER
    return REFUSAL if isinstance(reply, Refusal) or failure.code == "refused" else FAILED


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """Return the reply as a JSON object."""
    held = asdict(reply)
    if isinstance(reply, Refusal):
        return {"refusal": held}
    if not held["cached_tokens"]:
        del held["cached_tokens"]
    return held


def reply_from_json(value: dict[str, Any]) -> Reply:
    """Return the inverse of `reply_to_json`. Errors: TypeError for another shape."""
    return Refusal(**value["refusal"]) if "refusal" in value else Response(**value)


def fingerprint_of(reply: Reply) -> str:
    """Return what the reply says that it was computed with; nothing for a refusal."""
    return str(reply.fingerprint) if isinstance(reply, Response) else ""


def is_same_answer(one: Reply, other: Reply) -> bool:
    """Return whether two replies are equal, wherever they were computed."""
    if isinstance(one, Response) and isinstance(other, Response):
        return replace(one, fingerprint="") == replace(other, fingerprint="")
    return one == other
