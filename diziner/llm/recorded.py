"""Recorded answers that are at hand: in the project's store, or else on a benchmark's tape."""

from __future__ import annotations

from collections.abc import Set

from diziner.layout import Room, store_path
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape


def texts_at_hand(room: Room, keys: Set[str]) -> dict[str, str]:
    """Return the texts of those among `keys` that the store or the room's tape has, failed answers included."""
    found = {
        key: response.text for key, response in ResponseStore(store_path()).get(sorted(keys), failures=True).items()
    }
    if keys - found.keys() and room.tape.is_file():
        found |= {key: response.text for key, _, response in read_tape(room.tape) if key in keys - found.keys()}
    return found
