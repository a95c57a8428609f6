"""Asker: what the core needs of whoever reaches models. `diziner.llm` has the one that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from diziner.prompting.request import Outcome, Request


class Asker(Protocol):
    """Answers requests, from wherever it has the answers."""

    def address(self, endpoint: str) -> str:
        """Return what identifies an endpoint of that name in requests.

        Errors: UserError for an unknown endpoint.
        """

    def ask(self, requests: Sequence[Request], label: str) -> list[Outcome]:
        """Return one outcome per request, in order: a Response, also one that is no answer, a Refusal or a Failure.

        `label` names the work on the progress line and in the report.
        """


@runtime_checkable
class KeepingAsker(Asker, Protocol):
    """An asker that keeps replies, and so knows of other answers. `again`: what cannot be read is to be asked anew."""

    again: bool

    def kept(self, requests: Sequence[Request]) -> list[bool]:
        """Return for each request whether its answer or refusal is at hand, so that no model would be called."""
