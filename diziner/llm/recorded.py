"""Recorded answers that are at hand: in the project's store, or else on a benchmark's tape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from diziner.layout import Room, store_path
from diziner.llm.store import ResponseStore
from diziner.llm.tape import read_tape
from diziner.prompting.request import Reply, Response


def texts_at_hand(room: Room, keys: Set[str]) -> dict[str, str]:
    """Return the texts of those among `keys` that the store or the room's tape has, failed answers included."""
    found = dict(_texts(ResponseStore(store_path()).get(sorted(keys), failures=True).items()))
    if keys - found.keys() and room.tape.is_file():
        rows = [(key, reply) for key, _, reply in read_tape(room.tape)]
        found |= {key: text for key, text in _texts(rows) if key in keys - found.keys()}
    return found


def _texts(replies: Iterable[tuple[str, Reply]]) -> Iterator[tuple[str, str]]:
    """Yield the texts by key; in place of a refusal what it says, in brackets."""
    for key, reply in replies:
        yield key, reply.text if isinstance(reply, Response) else f"[{reply.code}: {reply.detail}]"
