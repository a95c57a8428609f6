"""Stages held against dvc.lock without DVC's graph: what differs, what is gone, what is not fetched.

As DVC compares, but for outputs that are in its cache alone: in their place stands what the lock says of them, so that
a bare clone is not taken for a changed one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from diziner.common.digests import file_md5, folder_md5
from diziner.common.errors import UserError
from diziner.common.freshness import StageFacts
from diziner.common.wholenumbers import whole_number
from diziner.common.yamlfile import parse_yaml_as_dvc
from diziner.repro.resolved import Pipelines, Resolved

_SHOWN = 40  # characters of a setting's value
_NOTHING = object()


@dataclass
class Files:
    """The work tree in the current folder, each file read once. Paths have `/`."""

    _digests: dict[str, str | None] = field(default_factory=dict)
    _listed: dict[str, dict[str, str]] = field(default_factory=dict)

    def digest(self, path: str) -> str | None:
        """Return a file's MD5, None if there is none. Errors: UserError for one that cannot be read."""
        if path not in self._digests:
            try:
                self._digests[path] = file_md5(Path(path))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                self._digests[path] = None
            except OSError as error:
                raise UserError(f"{path}: {error.strerror}") from None
        return self._digests[path]

    def listing(self, folder: str) -> dict[str, str]:
        """Return the MD5 of each file that DVC sees in a folder, by its path below it."""
        if folder not in self._listed:
            found = {}
            for path in self._walk(folder, ""):
                if (digest := self.digest(f"{folder}/{path}")) is not None:
                    found[path] = digest
            self._listed[folder] = found
        return self._listed[folder]

    def _walk(self, folder: str, below: str) -> Iterator[str]:
        place = Path(folder, below)
        try:
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda each: each.name)
        except (FileNotFoundError, NotADirectoryError):
            return  # a run that is under way takes it away
        except OSError as error:
            raise UserError(f"{place}: {error.strerror}") from None
        for entry in entries:
            path = f"{below}/{entry.name}".lstrip("/")
            if self._ignored.matches(str(place.absolute()), entry.name, entry.is_dir()):
                continue
            if entry.is_dir():
                yield from self._walk(folder, path)
            else:
                yield path

    @cached_property
    def _ignored(self) -> Any:
        """Patterns of the root's .dvcignore."""
        from dvc.fs import localfs
        from dvc.ignore import DvcIgnorePatterns

        root = str(Path.cwd())
        lines = Path(".dvcignore").read_text(encoding="utf-8").splitlines() if Path(".dvcignore").is_file() else []
        return DvcIgnorePatterns([*lines, ".git/", ".dvc/"], root, localfs.sep)


class LockFacts:
    """The pipelines of the project in the current folder. `look` says of a dependency that it is out of date itself, as
    a list of code is whose modules have changed since; "" for none."""

    def __init__(self, look: Callable[[str], str] = lambda _: "", settings: Mapping[str, Any] | None = None) -> None:
        self._pipelines = Pipelines()
        self._files = Files()
        self._look = look
        self._settings = dict(settings or {})  # files whose values are known to be others than those written there

    def facts(self, pipeline: Path, only: Sequence[str] = ()) -> list[StageFacts]:
        """Return the facts of the stages of a dvc.yaml, or of those named `only`, in its order.

        Errors: UserError if dvc.yaml or dvc.lock cannot be read.
        """
        stages = self._pipelines.stages(pipeline)
        entries = _entries(pipeline.with_name("dvc.lock"))
        chosen = [stage for stage in stages if not only or stage.name in only]
        outs = _Outs(self._files, {stage.name: entries.get(stage.name, {}) for stage in stages}, stages)
        return [self._stage(stage, entries.get(stage.name), outs) for stage in chosen]

    def _stage(self, stage: Resolved, entry: Mapping[str, Any] | None, outs: _Outs) -> StageFacts:
        absent = tuple(path for path, cached in stage.outs.items() if cached and not Path(path).exists())
        if entry is None:
            return StageFacts(stage.name, recorded=False, absent=absent, command=str(stage.command))
        missing = tuple(path for path, cached in stage.outs.items() if not cached and not Path(path).exists())
        changes, derived = [], []
        if not stage.frozen:
            if entry.get("cmd") != stage.command:
                changes.append(f"the command of {stage.name} changed")
            changes += self._settings_changed(stage, entry.get("params"))
            known = _digests(entry.get("deps"), stage)
            for path in stage.deps:
                if outs.makes(path):
                    derived += outs.changed(path, known.get(path))
                else:
                    changes += outs.changed(path, known.get(path)) or [*filter(None, [self._look(path)])]
        changes += outs.edited(stage)
        return StageFacts(stage.name, True, tuple(changes), tuple(derived), missing, absent, command=str(stage.command))

    def _settings_changed(self, stage: Resolved, locked: Any) -> Iterator[str]:
        known = {stage.place(str(file)): own for file, own in _mapping(locked).items()}
        for file, keys in stage.params.items():
            before = _mapping(known.get(file))
            try:
                now = self._settings.get(file) or self._pipelines.load(file)
            except FileNotFoundError:
                yield f"{file} is gone"
                continue
            for key in keys or sorted({*before, *(now if isinstance(now, Mapping) else ())}):
                old, new = before.get(key, _NOTHING), _value(now, key)
                if old != new or new is _NOTHING:
                    yield from (f"{file} {line}" for line in _leaves(key, old, new))


class _Outs:
    """The outputs of a pipeline's stages by path: what they are now, in the work tree or else by the lock."""

    def __init__(self, files: Files, entries: Mapping[str, Mapping[str, Any]], stages: Sequence[Resolved]) -> None:
        self._files = files
        self._known = {stage.name: _digests(entries[stage.name].get("outs"), stage) for stage in stages}
        self._locked: dict[str, str] = {}
        for stage in stages:
            known = self._known[stage.name]
            self._locked |= {path: known.get(path, "") for path, cached in stage.outs.items() if cached}
        self._all = {path for stage in stages for path in stage.outs}

    def makes(self, path: str) -> bool:
        """Say whether a path is an output, in one that is a folder, or a folder with outputs in it."""
        return any(_within(path, out) or _within(out, path) for out in self._all)

    def changed(self, path: str, known: str | None) -> list[str]:
        """Return in words how a dependency differs from the digest `known` of it; none where it does not, or where
        nobody can tell."""
        if known is None:
            return [f"{path} is a new dependency"]
        now = self._now(path)
        if now is None:
            return [f"{path} is gone"]
        return [f"{path} changed"] if now not in ("", known) else []

    def edited(self, stage: Resolved) -> list[str]:
        """Return in words which of a stage's outputs that are there are others than the lock says."""
        found = []
        for path in filter(os.path.lexists, stage.outs):
            known = self._known[stage.name].get(path)
            if known is None:
                found.append(f"{path} is a new output")
            elif self._there(path) != known:
                found.append(f"{path} is not what dvc.lock says")
        return found

    def _now(self, path: str) -> str | None:
        """Return the digest of a file or folder; "" where that is in DVC's cache alone, None where it is nowhere."""
        if (digest := self._files.digest(path)) is not None:
            return digest
        if path in self._locked and not os.path.lexists(path):
            return self._locked[path]
        absent = {
            out: digest
            for out, digest in self._locked.items()
            if _within(out, path) and out != path and not os.path.lexists(out)
        }
        if absent:
            # A folder in the cache is a list of its files, which is there or not.
            if any(not digest or digest.endswith(".dir") for digest in absent.values()):
                return ""
            listing = self._files.listing(path) if Path(path).is_dir() else {}
            return folder_md5(listing | {out[len(path) + 1 :]: digest for out, digest in absent.items()})
        if Path(path).is_dir():
            return self._there(path)
        return "" if any(_within(path, out) and not os.path.lexists(out) for out in self._locked) else None

    def _there(self, path: str) -> str | None:
        return self._files.digest(path) or (folder_md5(self._files.listing(path)) if Path(path).is_dir() else None)


def _entries(lock: Path) -> dict[str, Any]:
    """Return a lock's entries by stage; none without a lock. Errors: UserError for a damaged one."""
    try:
        value = parse_yaml_as_dvc(lock.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{lock}: damaged: {' '.join(str(error).split())}; `git checkout` it and run again") from None
    stages = {} if value is None else value.get("stages") if isinstance(value, Mapping) else None
    if value and not isinstance(stages, Mapping):
        raise UserError(f"{lock}: damaged: it holds no stages; `git checkout` it and run again")
    return {name: entry for name, entry in (stages or {}).items() if isinstance(entry, Mapping)}


def _digests(rows: Any, stage: Resolved) -> dict[str, str]:
    """Return path -> digest of the dependencies or outputs in a stage's entry."""
    found = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return {stage.place(str(row.get("path"))): str(row.get("md5", "")) for row in found}


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _value(settings: Any, key: str) -> Any:
    """Return the value under a key with dots."""
    for part in key.split("."):
        if isinstance(settings, Mapping) and part in settings:
            settings = settings[part]
        elif isinstance(settings, list) and (place := whole_number(part)) is not None and place < len(settings):
            settings = settings[place]
        else:
            return _NOTHING
    return settings


def _leaves(key: str, old: Any, new: Any) -> Iterator[str]:
    """Yield what differs between two values of a setting, by the names of its parts."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys(), key=str):
            before, after = old.get(name, _NOTHING), new.get(name, _NOTHING)
            if before != after:
                yield from _leaves(f"{key}.{name}", before, after)
    elif new is _NOTHING:
        yield f"{key} is gone"
    elif old is _NOTHING:
        yield f"{key} is new"
    else:
        yield f"{key}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
