"""Failures of calls: what may be tried again, and what a provider will not do for reasons that are not clear."""

from __future__ import annotations

from diziner.prompting.request import Refusal


class TransientError(Exception):
    """A call that may succeed when tried again. `code` is that of the failure it becomes if it does not.

    `retry_after` is the provider's wish in seconds, if any. `billed` says that the call may have been paid for:
    it was sent, and what became of it is not known. `unreached`: nobody listens there.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        retry_after: float | None = None,
        billed: bool = False,
        unreached: bool = False,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.billed = billed
        self.unreached = unreached


class UnclearRefusalError(Exception):
    """A request that was turned down, and nothing says whether for its text or for what all requests have in common."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
