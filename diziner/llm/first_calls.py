"""The first calls to a model: if all of them fail, the others would, and the run stops."""

from __future__ import annotations

from diziner.common.errors import DizinerError, ProviderError, UserError
from diziner.prompting.request import Outcome, Refusal, Request, Response
from diziner.records.annotations import Failure

_TELLING = 3


class FirstCalls:
    """Outcomes of the calls to one model of an endpoint so far. `answered`: it has answered, now or before.

    A response that is no answer (cut off, empty) is one of a model that works.
    """

    def __init__(self, endpoint: str, model: str) -> None:
        self._where = f"endpoint {endpoint}, model {model}"
        self._failed: list[tuple[str, Failure]] = []
        self._kept = True
        self.answered = False

    def ended(self, request: Request, outcome: Outcome) -> DizinerError | None:
        """Count a call that came to its end, all attempts included; returns the error if the run is to stop."""
        if isinstance(outcome, Response):
            self.answered = True
        if self.answered or isinstance(outcome, Response):
            return None
        failure = outcome.failure if isinstance(outcome, Refusal) else outcome
        self._failed.append((request.about or "a request", failure))
        self._kept = self._kept and isinstance(outcome, Refusal)
        if len(self._failed) != _TELLING:
            return None
        (about, first), *others = self._failed
        rest = ", ".join(f"{name} ({failure.code})" for name, failure in others)
        turned_down = all(failure.code in ("refused", "too_long") for _, failure in self._failed)
        kind = UserError if turned_down else ProviderError
        on = "; none of them is asked again: run again to go on with the others" if self._kept else ", then run again"
        return kind(
            f"{self._where}: the first {_TELLING} calls all failed, so the run stops: {about}: {first.code}, "
            f"{first.detail}; then {rest}; mend what they have in common{on}"
        )
