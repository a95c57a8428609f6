"""Recorded answers that are at hand: in the project's store, or else on a benchmark's tape."""

from __future__ import annotations

from collections.abc import Set

from diziner.layout import Room, store_path
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.prompting.request import Response


def texts_at_hand(room: Room, keys: Set[str]) -> dict[str, str]:
    """Return the texts of those among `keys` that the store or the room's tape has, failed answers included."""
    replies = dict(ResponseStore(store_path()).get(sorted(keys), failures=True))
    if keys - replies.keys() and room.tape.is_file():
        replies |= {key: reply for key, _, reply in read_tape(room.tape) if key in keys - replies.keys()}
    return {key: reply.text for key, reply in replies.items() if isinstance(reply, Response)}
