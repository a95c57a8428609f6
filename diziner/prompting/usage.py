"""Usage of a request: what an outcome took, as the usage files have it."""

from __future__ import annotations

from diziner.prompting.request import Outcome, Refusal, Request
from diziner.records.annotations import Failure
from diziner.records.usage import Usage

LOCAL_RUNTIME = "xllamacpp"  # what the fingerprint of a local answer begins with (`diziner.endpoints.provenance`)


def usage_of(request: Request, outcome: Outcome) -> Usage:
    """Return what a request took: a refusal nothing; where nobody knows, its tokens are None."""
    who = request.key, request.settings.endpoint, request.settings.model
    if isinstance(outcome, Failure):
        return Usage(*who, None, None)
    if isinstance(outcome, Refusal):
        return Usage(*who, 0, 0, 0.0)
    more = outcome.cost_usd, provenance_in(outcome.fingerprint), outcome.cached_tokens
    return Usage(*who, outcome.prompt_tokens, outcome.completion_tokens, *more)


def provenance_in(fingerprint: str) -> str:
    """Return the fingerprint if a local runtime of ours made it, else an empty text: not recorded.

    >>> provenance_in("xllamacpp 2026.10 on CPU; x86_64; kernels; 2 threads")[:17], provenance_in("b0-unknown")
    ('xllamacpp 2026.10', '')
    """
    return fingerprint if fingerprint.startswith(f"{LOCAL_RUNTIME} ") else ""
