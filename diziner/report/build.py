"""Build of report.html from the project's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import write_text
from diziner.common.yamlfile import read_yaml
from diziner.layout import PUBLISHED, Room, rooms
from diziner.report.collect import report_page
from diziner.report.files import RoomFiles, read_room
from diziner.settings import load_settings


def build_report(target: Path, answers: Callable[[Room, Set[str]], Mapping[str, str]]) -> int:
    """Write the report of all rooms with the active settings; returns its size in bytes.

    `answers` gives the texts of those answers that are at hand, by key: they are shown where there are any.

    Errors: UserError if there is no room, or a file of one is damaged.
    """
    settings = load_settings()
    places = rooms()
    if not places:
        raise UserError("no benchmark in data/ has a pipeline; put one in with `diziner data link NAME`")
    files: list[RoomFiles] = []
    texts: dict[str, str] = {}
    for room in places:
        found = read_room(room, settings.rounds, settings.pool, settings.start)
        texts |= answers(room, found.supervisor_keys())
        files.append(found)
    published = read_yaml(PUBLISHED, "published") if PUBLISHED.is_file() else None
    page = report_page(files, texts, settings, published)
    write_text(target, page)
    return len(page.encode())
