"""Waiting for batches: what a stage says whose answers are still to come."""

from __future__ import annotations

from collections.abc import Sequence

from diziner.common.errors import ProviderError
from diziner.common.words import counted
from diziner.endpoints import Endpoint
from diziner.endpoints.batching import MODES
from diziner.llm.batches import GONE, SENDING, BatchRow
from diziner.prompting.request import REPAIR

WAITING = "waiting: "  # how the message of a stage begins that waits, behind "error: "


NO_BATCHES = (
    "params.yaml: endpoints: none has `batch`; give it to the one that is to be asked in batches, as "
    f"`batch: {{window: 24h}}`, with a provider that has them: {', '.join(sorted(MODES))}"
)
_SUPERVISION = ("supervisor: ", " alone, ")  # in labels of what a refinement asks


class WaitingError(ProviderError):
    """Answers are to come from a batch. Exit 3."""


def goes_out(endpoint: Endpoint, label: str) -> bool:
    """Return whether requests of that label go out in batches: annotations always, where the endpoint has batches."""
    own = endpoint.batch
    if own is None:
        return False
    if label.endswith(REPAIR):
        return own.repairs
    return own.supervisor or not is_of_refinement(label)


def is_of_refinement(label: str) -> bool:
    """Return whether a refinement asks under that label: its requests follow from each other."""
    return any(words in label for words in _SUPERVISION)


def in_batches(label: str, requests: int, rows: Sequence[BatchRow]) -> WaitingError:
    """Return the error of a stage whose requests are in open batches."""
    named = ", ".join(f"{row.name} ({standing(row)})" for row in rows)
    which = "batch" if len(rows) == 1 else "batches"
    return WaitingError(
        f"{WAITING}{label}: {_are(requests)} in {which} {named}; once `diziner batch status` says that it has ended, "
        "run the same command again"
    )


def in_none(label: str, requests: int, endpoint: str, was: str = "") -> WaitingError:
    """Return the error of a stage whose requests have not been sent; `was`: what became of the batch they were in."""
    return WaitingError(
        f"{WAITING}{label}: {_are(requests)} in no batch of endpoint {endpoint} yet{was}; "
        "`diziner batch submit` sends them with those of all other stages, `diziner repro --now` asks at once, at the "
        "full price"
    )


def last_words(rows: Sequence[BatchRow], endpoint: str, model: str) -> str:
    """Return what became of a model's last batch, if it left requests without an answer."""
    ended = [row for row in rows if (row.endpoint, row.model) == (endpoint, model) and not row.is_open]
    if not ended or (ended[-1].state == "completed" and "not answered" not in ended[-1].note):
        return ""
    return f" (the last one: {ended[-1].name}: {standing(ended[-1])})"


def is_gone(rows: Sequence[BatchRow], endpoint: str, model: str) -> str:
    """Return what was said of a model that was gone when batches were last sent; nothing if it was there."""
    last = next((row for row in reversed(rows) if (row.endpoint, row.model) == (endpoint, model)), None)
    return last.note if last is not None and last.state == GONE else ""


def standing(row: BatchRow) -> str:
    """Return how a batch stands, in words."""
    state = "perhaps not accepted" if row.state == SENDING else row.state.replace("_", " ")
    return f"{state}, {row.note}" if row.note else state


def _are(requests: int) -> str:
    return f"{counted(requests, 'request')} {'is' if requests == 1 else 'are'}"
