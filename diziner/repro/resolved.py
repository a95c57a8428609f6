"""Stages of dvc.yaml files with their names filled in, as DVC itself resolves them; private to DVC, as `dvc_graph` is.

The whole of DVC's graph takes seconds to open. Its templating alone, with each file parsed once, takes tenths.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from diziner.common.errors import UserError

_ELSEWHERE = "://"


@dataclass(frozen=True, slots=True)
class Resolved:
    """One stage. Paths are below the project's root, with `/`; those of its entry in the lock are below `folder`.

    Dependencies and outputs elsewhere than on this machine are left out. `params` is file -> keys (none: the whole
    file); `outs` is path -> whether DVC caches it.
    """

    name: str
    command: Any
    frozen: bool
    deps: tuple[str, ...]
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outs: Mapping[str, bool] = field(default_factory=dict)
    folder: str = "."

    def place(self, path: str) -> str:
        """Return a path of the stage's own folder as one below the project's root."""
        return posixpath.normpath(posixpath.join(self.folder, path))


class Pipelines:
    """Reader of the pipelines of the project in the current folder; parses each file once."""

    def __init__(self) -> None:
        self._parsed: dict[str, Any] = {}
        self._same: dict[tuple[str, str], Any] = {}
        self._checked: set[int] = set()

    def load(self, path: str) -> Any:
        """Return a YAML or JSON file as DVC reads it. Errors: FileNotFoundError; UserError for what is neither."""
        from dvc.exceptions import DvcException
        from dvc.utils.serialize import PARSERS

        if path not in self._parsed:
            suffix = Path(path).suffix
            try:
                text = Path(path).read_text(encoding="utf-8")
                # All rooms have copies of one pipeline.
                if (suffix, text) not in self._same:
                    self._same[suffix, text] = PARSERS[suffix](text, path)
            except FileNotFoundError:
                raise
            except (DvcException, OSError, ValueError) as error:
                raise UserError(f"{path}: cannot be read: {_line(error)}") from None
            self._parsed[path] = self._same[suffix, text]
        return self._parsed[path]

    def stages(self, pipeline: Path) -> list[Resolved]:
        """Return the stages of a dvc.yaml. Errors: UserError if DVC could not read them."""
        from dvc.exceptions import DvcException
        from dvc.fs import localfs
        from dvc.parsing import DataResolver
        from dvc.schema import COMPILED_MULTI_STAGE_SCHEMA
        from voluptuous import Invalid

        try:
            definition = self.load(str(pipeline))
            if id(definition) not in self._checked:
                COMPILED_MULTI_STAGE_SCHEMA(definition)
                self._checked.add(id(definition))
            with self._all_once():
                project = SimpleNamespace(fs=localfs, config={})
                found = DataResolver(project, str(pipeline.parent), definition).resolve()
        except FileNotFoundError as error:
            raise UserError(f"{pipeline}: {error.filename}: no such file") from None
        except (DvcException, Invalid) as error:
            raise UserError(f"{pipeline}: {_line(error)}") from None
        return [_resolved(name, entry, pipeline.parent) for name, entry in found["stages"].items()]

    @contextlib.contextmanager
    def _all_once(self) -> Iterator[None]:
        """Have DVC parse each file and each name in braces once."""
        import dvc.parsing.interpolate as interpolate
        import dvc.utils.serialize as serialize

        load, parse = serialize.load_path, interpolate.parse_expr
        serialize.load_path = lambda path, _: self.load(posixpath.normpath(path))
        interpolate.parse_expr = _remembered(parse)
        try:
            yield
        finally:
            serialize.load_path, interpolate.parse_expr = load, parse


def _resolved(name: str, entry: Mapping[str, Any], folder: Path) -> Resolved:
    folder_of = posixpath.normpath(posixpath.join(folder.as_posix(), str(entry.get("wdir") or ".")))
    place = Resolved(name, "", False, (), folder=folder_of).place
    params: dict[str, tuple[str, ...]] = {}
    for item in entry.get("params", ()):
        for file, keys in item.items() if isinstance(item, Mapping) else [("params.yaml", [item])]:
            params[place(file)] = (*params.get(place(file), ()), *map(str, keys or ()))
    outs = {}
    for item in (each for kind in ("outs", "metrics", "plots") for each in entry.get(kind, ())):
        for path, options in item.items() if isinstance(item, Mapping) else [(item, None)]:
            if _ELSEWHERE not in path:
                outs[place(path)] = bool((options or {}).get("cache", True))
    deps = tuple(place(path) for path in _named(entry.get("deps", ())) if _ELSEWHERE not in path)
    return Resolved(name, entry["cmd"], bool(entry.get("frozen")), deps, params, outs, folder_of)


@cache
def _remembered(parse: Callable[[str], str]) -> Callable[[str], str]:
    return cache(parse)


def _named(items: Iterable[Any]) -> Iterator[str]:
    for item in items:
        yield from item if isinstance(item, Mapping) else [item]


def _line(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())
