"""Access to models for a project: its response store, then a benchmark's tape, then calls within its budget."""

from __future__ import annotations

import os

from diziner.layout import Room, cost_report, store_path
from diziner.llm.ask import StoreAsker
from diziner.llm.store import ResponseStore
from diziner.settings import Settings

NOW = "DIZINER_NOW"  # set where stages are to ask at once, whatever an endpoint's `batch` says
AGAIN = "DIZINER_AGAIN"  # set where stages are to ask once more for what was refused or cannot be read


def asker_for(settings: Settings, room: Room, at_once: bool = False) -> StoreAsker:
    """Return the way to models for one benchmark; `at_once`: also where an endpoint has batches, which are stages'."""
    return StoreAsker(
        ResponseStore(store_path()),
        settings.endpoints,
        settings.weights,
        room.tape,
        budget_usd=settings.budget_usd,
        report=cost_report(),
        again=bool(os.environ.get(AGAIN)),
        batches=not (at_once or os.environ.get(NOW)),
    )
