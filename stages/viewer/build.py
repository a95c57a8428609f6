"""From the project's outputs to report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.files import read_yaml, write_text
from stages.rooms import PUBLISHED, REPORT, rooms
from stages.settings import load_settings
from stages.usage import answers_at_hand
from stages.viewer.collect import report_page
from stages.viewer.files import RoomFiles, read_room


def build_report(target: Path = REPORT) -> int:
    """Write the report of all rooms with the active settings; returns its size in bytes.

    Errors: UserError if there is no room, or a file of one is damaged.
    """
    settings = load_settings()
    numbers = [entry["id"] for entry in settings.raw["rounds"]]
    places = rooms()
    if not places:
        raise UserError("no benchmark in data/ has a pipeline; put one in with `diziner data link NAME`")
    files: list[RoomFiles] = []
    answers: dict[str, Any] = {}
    for place in places:
        found = read_room(place, numbers, settings.pool)
        answers |= answers_at_hand(place, found.response_keys())
        files.append(found)
    published = read_yaml(PUBLISHED, "published") if PUBLISHED.is_file() else None
    page = report_page(files, answers, settings, published)
    write_text(target, page)
    return len(page.encode())
