"""Two runs side by side for the report: figures of both, what moved by more than noise, and what else changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from diziner.common.errors import UserError
from diziner.common.rounding import rounded
from diziner.compare.comparison import Side, compare_all
from diziner.compare.load import lenient_sides
from diziner.compare.render import comparison_json
from diziner.compare.revisions import Revision, Snapshot, WorkTree, file_content
from diziner.compare.whatchanged import changes_between
from diziner.layout import DATA, METRICS, PARAMS

_FIGURES = ("f1", "f1_low", "f1_high", "agreement_first", "agreement_last", "gain", "rounds", "round", "documents")
_CODE = (Path("diziner"), Path("stages"))


class Folder:
    """Another project on disk, or a copy of this one. Errors: UserError for a folder without params.yaml."""

    def __init__(self, folder: Path) -> None:
        if not (folder / PARAMS).is_file():
            raise UserError(f"{folder}: no {PARAMS} there; give the folder of a project, or a revision of git")
        self._folder = folder
        self.name = f"folder {folder.resolve().name}"  # not its path: it is shown to others

    @cached_property
    def blobs(self) -> dict[str, str]:
        found = {}
        for path in sorted(self._files()):
            data = path.read_bytes()
            digest = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
            found[path.relative_to(self._folder).as_posix()] = digest
        return found

    def _files(self) -> Iterator[Path]:
        """Yield the files that git has of a project: no outputs that DVC caches."""
        yield from filter(Path.is_file, self._folder.glob("*.*"))
        yield from filter(Path.is_file, (self._folder / DATA).glob("*/*"))
        for name in (METRICS, *_CODE):
            found = (self._folder / name).rglob("*")
            yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)

    def read(self, path: Path) -> bytes | None:
        return file_content(self._folder / path)

    def output(self, path: Path) -> bytes | None:
        return self.read(path)


def snapshot_named(word: str) -> Snapshot:
    """Return a run by the folder of its project, else by a revision of git.

    Errors: UserError for what is neither.
    """
    return Folder(Path(word)) if word and Path(word).is_dir() else Revision(word)


def side_by_side(old: Snapshot) -> dict[str, Any]:
    """Return `comparison_json` of another run and this one, with the `figures` of both by benchmark."""
    new = WorkTree()
    sides = lenient_sides(old), lenient_sides(new)
    found = comparison_json(old.name, new.name, compare_all(*sides), changes_between(old, new))
    figures = [{name: _figures(side) for name, side in own.items()} for own in sides]
    return {**found, "figures": dict(zip(("old", "new"), figures, strict=True))}


def _figures(side: Side) -> dict[str, Any]:
    return {key: rounded(side.metrics.get(key)) for key in _FIGURES}
