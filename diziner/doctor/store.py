"""Checks of the response store: read without writing to it, waiting for it or making it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from diziner.doctor.finding import Finding, State, amount, reason
from diziner.doctor.subject import Subject
from diziner.layout import store_path

_RESTORE = "put a good copy in its place, or move it away and `diziner responses import` an export of it"


def check_store(subject: Subject) -> Iterator[Finding]:
    """Yield the store of the project: there, whole, of a layout that is known, and how much is in it."""
    if subject.root is None:
        return
    facts: dict[str, Any] = {"path": str(store_path()), "bytes": None, "responses": None, "layout": None}
    try:
        before = store_path().stat()
    except (FileNotFoundError, NotADirectoryError):
        yield Finding("answers", "store", "ok", f"no {store_path()} yet: the first answer makes it", facts=facts)
        return
    facts["bytes"] = before.st_size
    try:
        layout, responses = look(store_path())
    except sqlite3.DatabaseError as error:
        yield _unread(error, (before.st_mtime_ns, before.st_size), facts)
        return
    facts |= {"responses": responses, "layout": layout}
    if responses is None:
        found = f"{store_path()} has layout {layout}, made by a newer version than this"
        yield Finding("answers", "store", "problem", found, "update diziner", facts)
    else:
        found = f"{store_path()}, {amount(before.st_size)}, layout {layout}: {responses} responses"
        yield Finding("answers", "store", "ok", found, facts=facts)


def look(path: Path) -> tuple[int, int | None]:
    """Return the layout of a store, and how many responses it holds; None where the layout is newer than this code.

    Errors: sqlite3.DatabaseError for what is damaged, among them OperationalError for what cannot be read now.
    """
    from diziner.llm.store import opened_for_reading
    from diziner.llm.tables import LAYOUT

    if path.stat().st_size == 0:
        raise sqlite3.DatabaseError("the file is empty")
    with closing(opened_for_reading(path)) as connection:
        layout = connection.execute("PRAGMA user_version").fetchone()[0]
        if layout > LAYOUT:
            return layout, None
        state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        return layout, connection.execute("SELECT count(*) FROM responses").fetchone()[0]


def _unread(error: sqlite3.DatabaseError, before: tuple[int, int], facts: dict[str, Any]) -> Finding:
    """Return the finding on a store that could not be read; `before` are its time and size when that was begun."""
    after = store_path().stat()
    text = reason(error)
    state: State = "problem"
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in text or "busy" in text:
            state, found, mend = (
                "note",
                f"{store_path()} is in use: not looked at",
                "`diziner responses verify` waits for it",
            )
        elif "no such table" in text:
            found, mend = f"{store_path()} is no response store: {text}", _RESTORE
        else:
            found, mend = f"{store_path()} cannot be read: {text}", f"see who owns {store_path()} and its folder"
    elif (after.st_mtime_ns, after.st_size) != before:
        state, found, mend = (
            "note",
            f"{store_path()} is in use: not looked at",
            "`diziner responses verify` waits for it",
        )
    else:
        found, mend = f"{store_path()} is damaged: {text}", _RESTORE
    return Finding("answers", "store", state, found, mend, facts)
