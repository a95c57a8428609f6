"""From the project's outputs to report.html."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from stages.errors import UserError
from stages.files import read_yaml, write_text
from stages.llm.store import ResponseStore
from stages.llm.tape import read_tape
from stages.rooms import PUBLISHED, REPORT, STORE, Room, rooms
from stages.settings import load_settings
from stages.viewer.collect import report_page
from stages.viewer.files import RoomFiles, read_room


def build_report(target: Path = REPORT) -> int:
    """Write the report of all rooms with the active settings; returns its size in bytes.

    Errors: UserError if there is no room, or a file of one is damaged.
    """
    settings = load_settings()
    places = rooms()
    if not places:
        raise UserError("no benchmark in data/ has a pipeline; put one in with `diziner data link NAME`")
    files: list[RoomFiles] = []
    texts: dict[str, str] = {}
    for place in places:
        found = read_room(place, settings.rounds, settings.pool)
        texts |= _texts_at_hand(place, found.supervisor_keys())
        files.append(found)
    published = read_yaml(PUBLISHED, "published") if PUBLISHED.is_file() else None
    page = report_page(files, texts, settings, published)
    write_text(target, page)
    return len(page.encode())


def _texts_at_hand(place: Room, keys: Set[str]) -> dict[str, str]:
    """The answers among `keys` that the store, or else the room's tape, has: shown where there are any."""
    found = {key: response.text for key, response in ResponseStore(STORE).get(sorted(keys), failures=True).items()}
    if keys - found.keys() and place.tape.is_file():
        found |= {key: response.text for key, _, response in read_tape(place.tape) if key in keys - found.keys()}
    return found
