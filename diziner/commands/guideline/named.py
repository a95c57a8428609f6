"""Names of guidelines on the command line: a file, BENCHMARK:ROUND, or either at a git revision."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.common.yamlfile import parse_yaml
from diziner.compare.revisions import Revision, start_at
from diziner.guideline.file import guideline_from_json, load_guideline
from diziner.layout import Room, room_named
from diziner.pipeline.arguments import given_path
from diziner.records.guideline import Guideline
from diziner.settings import load_settings

FORMS = (
    "a file, BENCHMARK:ROUND (conll2003:1), or REV:file and REV:BENCHMARK:ROUND at a git revision (HEAD~1:conll2003:1)"
)
_ROUND = re.compile(r"(?P<name>[^:/]+):(?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Named:
    """A guideline as it was named, and as a path from where the caller stands."""

    word: str
    path: Path


def named(word: str) -> Named:
    """Return an argument of the command line, read before the command goes to the project's root."""
    return Named(word, given_path(word))


def named_guideline(given: Named) -> Guideline:
    """Return the guideline that a word of the command line means.

    A file of that name comes first, then BENCHMARK:ROUND, then what is at a revision: as git keeps it, or, for
    those that a supervisor wrote, as DVC does. Errors: UserError saying which of these it is not.
    """
    if given.path.exists() or ":" not in given.word:
        return load_guideline(given.path)
    if room := _ROUND.fullmatch(given.word):
        settings, number = load_settings(), int(room["number"])
        path = room_named(room["name"]).guideline(number, settings.start)
        if not path.is_file():
            settings.round(number)  # that there is no such round says more
        return load_guideline(path)
    revision, _, name = given.word.partition(":")
    if not revision or not name:
        raise UserError(f"{given.word!r}: not a guideline; give {FORMS}")
    room = _ROUND.fullmatch(name)
    snapshot = Revision(revision)
    path = Room(room["name"]).guideline(int(room["number"]), start_at(snapshot)) if room else Path(name)
    return _parsed(_at(snapshot, path), f"{revision}:{path}")


def _at(snapshot: Revision, path: Path) -> str:
    """Return the text of a file of the project at a revision; `path` is from the project's root.

    Errors: UserError for a file that neither git nor DVC has there.
    """
    revision = snapshot.name
    data = snapshot.read(path)
    if data is None and (path.is_absolute() or len(path.parts) < 3 or (data := snapshot.output(path)) is None):
        raise UserError(
            f"{revision}:{path}: no such file in git at that revision, nor an output of that run which DVC's cache has"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{revision}:{path}: not UTF-8 at byte {error.start}") from None


def _parsed(text: str, where: str) -> Guideline:
    value = parse_yaml(text, where)
    check(value, "guideline", where)
    return guideline_from_json(value, where)
