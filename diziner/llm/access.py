"""Access to models for a project: its response store, then a benchmark's tape, then calls within its budget."""

from __future__ import annotations

import os

from diziner.layout import Room, cost_report, store_path
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.settings import Settings

NOW = "DIZINER_NOW"  # set where stages are to ask at once, whatever an endpoint's `batch` says
AGAIN = "DIZINER_AGAIN"  # set where stages are to ask once more for what was refused or cannot be read


def asker_for(settings: Settings, room: Room, begins_round: int | None = None, at_once: bool = False) -> StoreAsker:
    """Return the way to models for one benchmark.

    `begins_round` is for annotators of a round: before their first call that costs, it is looked up whether the models
    that the rest of the run needs are there (`diziner.llm.roll_call`). `at_once`: also where an endpoint has batches,
    which are stages'.
    """
    store = ResponseStore(store_path())
    return StoreAsker(
        store,
        settings.endpoints,
        settings.weights,
        room.tape,
        budget_usd=settings.budget_usd,
        report=cost_report(),
        again=bool(os.environ.get(AGAIN)),
        batches=not (at_once or os.environ.get(NOW)),
        before=None if begins_round is None else lambda: _before_calls(settings, store, begins_round),
    )


def _before_calls(settings: Settings, store: ResponseStore, number: int) -> None:
    # Only where a model is asked: what is served from the store does without the machinery of calls.
    from diziner.llm.roll_call import roll_call

    roll_call(settings, store, any(later > number for later in settings.refinements))
