"""Build of report.html from the project's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.files import write_text
from diziner.common.freshness import Standing
from diziner.common.yamlfile import read_yaml
from diziner.layout import PUBLISHED, Room, rooms
from diziner.report.collect import report_page
from diziner.report.files import RoomFiles, read_room
from diziner.settings import load_settings


def build_report(
    target: Path,
    answers: Callable[[Room, Set[str]], Mapping[str, str]],
    states: Mapping[str, Standing] | None = None,
    *,
    commit: Mapping[str, Any] | None = None,
    show_text: bool | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> tuple[int, list[str]]:
    """Write the report of all rooms with the active settings; return its size in bytes, and a line for each file that
    could not be read: it costs its own panel, and the page names it.

    `answers` gives the texts of those answers that are at hand, by key: they are shown where there are any. `states`
    are those of the rooms' figures, where they are known; `commit`, `show_text` and `comparison` as in `report_page`.

    Errors: UserError if there is no room.
    """
    settings = load_settings()
    places = rooms()
    if not places:
        raise UserError("no benchmark in data/ has a pipeline; put one in with `diziner data link NAME`")
    files: list[RoomFiles] = []
    texts: dict[str, str] = {}
    unread: list[str] = []
    for room in places:
        try:
            found = read_room(room, settings.rounds, settings.pool, settings.start)
        except UserError as error:
            unread.append(str(error))
            continue
        try:
            texts |= answers(room, found.supervisor_keys())
        except UserError as error:
            found = replace(found, faults=(*found.faults, str(error)))
        files.append(found)
    published = read_yaml(PUBLISHED, "published") if PUBLISHED.is_file() else None
    page = report_page(
        files,
        texts,
        settings,
        published,
        states=states,
        unread=unread,
        commit=commit,
        show_text=show_text,
        comparison=comparison,
    )
    write_text(target, page)
    return len(page.encode()), [*unread, *(fault for own in files for fault in own.faults)]
